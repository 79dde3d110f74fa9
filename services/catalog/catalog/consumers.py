"""The one list: consumer group -> handlers."""

from catalog.availability.handlers import follow_stock
from catalog.popularity.handlers import count_sales
from common.events.contracts.inventory import StockChanged
from common.events.contracts.orders import OrderCancelled, OrderPlaced
from common.inbox import Consumer

CONSUMERS = (
    Consumer(
        group="catalog.availability",
        handlers={StockChanged: follow_stock},
        set_based=True,
        projection=True,
    ),
    Consumer(
        group="catalog.sales",
        handlers={OrderPlaced: count_sales, OrderCancelled: count_sales},
        set_based=True,
    ),
)
