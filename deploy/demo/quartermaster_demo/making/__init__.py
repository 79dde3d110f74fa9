"""How the demo shop's product file and pictures are made.

One module per department holds the texts; `drawings` draws, `sheet` lays the rows out as Shopify does.
Nothing here is needed at run time: the results are checked in under `data/`.
"""

from quartermaster_demo.making.apparel import APPAREL
from quartermaster_demo.making.bags import BAGS
from quartermaster_demo.making.desk import DESK
from quartermaster_demo.making.garden import GARDEN
from quartermaster_demo.making.kitchen import KITCHEN
from quartermaster_demo.making.model import Product
from quartermaster_demo.making.paper import PAPER

PRODUCTS: tuple[Product, ...] = (*KITCHEN, *DESK, *GARDEN, *BAGS, *APPAREL, *PAPER)

__all__ = ["PRODUCTS", "Product"]
