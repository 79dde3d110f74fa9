"""Search over synthetic products: ``python bench/search.py [--products 20000] [--rounds 200]``.

Makes a database of its own, writes the products through the service's own code (some 500 a second), and prints for each
kind of search p50 and p99 in milliseconds, and the CPU milliseconds that PostgreSQL and this process spent on one. One
client, everything on one machine: compare within one run only. ``TEST_PLATFORM=<file>`` uses a platform that runs.
"""

import argparse
import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from catalog.products.facets import facet_id, value_id
from catalog.products.models import Attribute, CategoryRef, Change, Media, Option, Product, Variant
from catalog.products.repository import ProductRepository
from catalog.search import repository
from catalog.search.facets import facets_of
from catalog.search.filters import Asked, Choice, Range
from catalog.search.suggestions import suggest
from common.database import Database, uuid7
from common.pagination import PageParams
from common.testing import Platform

COLOURS = "Black Blue Brown Green Grey Orange Pink Purple Red Silver White Yellow".split()  # noqa: SIM905 - easier to read
SIZES = "XS S M L XL XXL".split()  # noqa: SIM905 - easier to read
MATERIALS = "Cotton Wool Linen Steel Oak Glass Leather Nylon Ceramic Bamboo".split()  # noqa: SIM905 - easier to read
NOUNS = "mug lamp chair jacket kettle blanket shelf knife towel basket mirror clock candle vase tray stool".split()  # noqa: SIM905 - easier to read
SYLLABLES = "ba do fi ga ho ka le mi no pe ra sa te vu za lor mer nis tor vel".split()  # noqa: SIM905 - easier to read
COMMON_WORD, COMMON_SHARE = "classic", 0.3
CATEGORIES, BATCH = 200, 500
NOW = datetime(2026, 1, 1, tzinfo=UTC)
TICKS = os.sysconf("SC_CLK_TCK")

Work = Callable[[], Awaitable[object]]


class Catalogue:
    """Products that are the same in each run."""

    def __init__(self, seed: int = 7) -> None:
        self._random = random.Random(seed)  # noqa: S311 - reproducible, not secret
        self.words = ["".join(self._random.choices(SYLLABLES, k=self._random.randint(2, 4))) for _ in range(4000)]
        self._weights = [1 / rank for rank in range(1, len(self.words) + 1)]
        self.categories = self._tree()

    def _tree(self) -> dict[UUID, CategoryRef]:
        made: list[CategoryRef] = []
        for number in range(CATEGORIES):
            parent = made[(number - 10) // 8] if number >= 10 else None  # noqa: PLR2004 - ten roots
            ident, title = uuid7(), f"{self.words[number].capitalize()} {number}"
            path = (*(parent.path if parent else ()), title)
            ancestors = (*(parent.ancestors if parent else ()), ident)
            made.append(CategoryRef(ident, f"category-{number}", title, path, ancestors))
        return {each.id: each for each in made}

    def product(self, number: int) -> Product:
        """Make a product with three variants."""
        pick = self._random
        noun, maker = pick.choice(NOUNS), f"Maker {pick.randint(1, 60)}"
        title = " ".join([*pick.choices(self.words, self._weights, k=2), noun])
        if pick.random() < COMMON_SHARE:
            title = f"{COMMON_WORD} {title}"
        colours, sizes = pick.sample(COLOURS, 3), pick.sample(SIZES, 2)
        price = pick.randint(500, 50_000)
        product = Product(
            id=uuid7(), handle=f"product-{number}", title=title.capitalize(), created_at=NOW, updated_at=NOW,
            published_at=NOW + timedelta(seconds=number), status="published", vendor=maker,
            product_type=noun.capitalize(), tags=pick.choices(self.words, self._weights, k=3),
            category_ids=[pick.choice(list(self.categories))],
            description=" ".join(pick.choices(self.words, self._weights, k=60)),
            options=[Option("Colour", colours), Option("Size", sizes)],
            attributes=[
                Attribute("Material", "choice", pick.choice(MATERIALS)),
                Attribute("Weight", "number", pick.randint(50, 5000)),
                Attribute("Washable", "boolean", pick.random() < 0.5),  # noqa: PLR2004 - half of them
            ],
            media=[Media(f"https://example.com/{number}.jpg", title, 1)],
        )  # fmt: skip
        product.variants = [
            Variant(id=uuid7(), sku=f"SKU-{number}-{place}", values=(colour, sizes[0]), prices={"EUR": price + place})
            for place, colour in enumerate(colours)
        ]
        product.put_in_order(at=NOW)
        return product


async def fill(database: Database, catalogue: Catalogue, count: int) -> None:
    """Write the products, with stock for nine of ten and sales for a quarter."""
    async with database.acquire() as connection:
        await connection.executemany(
            "INSERT INTO category (id, parent_id, handle, title, ancestors, path, path_key, created_at, updated_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
            [
                (each.id, each.ancestors[-2] if len(each.ancestors) > 1 else None, each.handle, each.title,
                 list(each.ancestors), list(each.path), each.handle, NOW)
                for each in catalogue.categories.values()
            ],
        )  # fmt: skip
    for start in range(0, count, BATCH):
        products = [catalogue.product(number) for number in range(start, min(start + BATCH, count))]
        async with database.uow() as uow:
            stocked = [(variant.sku, number % 10) for number, each in enumerate(products) for variant in each.variants]
            await uow.executemany(
                "INSERT INTO stock_level VALUES (gen_random_uuid(), $1, gen_random_uuid(), $2, 2, 1)", stocked
            )
            await uow.executemany(
                "INSERT INTO product_sales VALUES ($1, $2, $3)",
                [(each.id, NOW.date(), number + 1) for number, each in enumerate(products) if number % 4 == 0],
            )
            await ProductRepository(uow, shop_currency="EUR").save(
                [Change(None, each) for each in products], catalogue.categories
            )
    async with database.acquire() as connection:
        await connection.execute("VACUUM ANALYZE")


def searches(database: Database, catalogue: Catalogue) -> dict[str, Work]:
    """Name what is measured."""
    rare = iter(random.Random(1).choices(catalogue.words[50:1500], k=1_000_000))  # noqa: S311 - as above
    letters = random.Random(2)  # noqa: S311 - as above

    def find(asked: Callable[[], Asked], *, facets: bool = True) -> Work:
        async def work() -> object:
            wanted = asked()
            found = await repository.search(
                database.uow(), wanted, PageParams(limit=20), facets=facets, shop_currency="EUR"
            )
            return facets_of(found.facets, wanted, currency="EUR") if found.facets is not None else found

        return work

    def typo() -> str:
        word = next(each for each in rare if len(each) >= 6)  # noqa: PLR2004 - long enough to be mended
        place = letters.randrange(1, len(word))
        return word[:place] + "x" + word[place:]

    def narrowed() -> Asked:
        colours = Choice("attr.colour", facet_id("values", "Colour"), {value_id("values", "Colour", "Blue"): "Blue"})
        weight = Range("attr.weight", facet_id("number", "Weight"), 100, 3000)
        return Asked(q=COMMON_WORD, price_max=40_000, in_stock=True, choices=[colours], ranges=[weight])

    def beginning(length: int) -> Work:
        async def work() -> object:
            prefix = next(rare)[:length]
            return await suggest(database.uow(), prefix, currency=None, limit=8, shop_currency="EUR")

        return work

    return {
        "a word": find(lambda: Asked(q=next(rare))),
        "a word, no facets": find(lambda: Asked(q=next(rare)), facets=False),
        "two words": find(lambda: Asked(q=f"{next(rare)} mug")),
        "a word in 30 %": find(lambda: Asked(q=COMMON_WORD)),
        "a word in 30 %, no facets": find(lambda: Asked(q=COMMON_WORD), facets=False),
        "a word in 30 %, 5 filters": find(narrowed),
        "a word in 30 %, by price": find(lambda: Asked(q=COMMON_WORD, sort="price"), facets=False),
        "a category": find(lambda: Asked(q=None, category="category-3")),
        "a typo": find(lambda: Asked(q=typo()), facets=False),
        "suggestions, 1 letter": beginning(1),
        "suggestions, 3 letters": beginning(3),
        "suggestions, 5 letters": beginning(5),
    }


async def backend_of(database: Database) -> int:
    """Return the process id of the pool's one connection."""
    async with database.acquire() as connection:
        pid: int = await connection.fetchval("SELECT pg_backend_pid()")
        return pid


def cpu_of(pid: int) -> float:
    """Return the seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def at(taken: Sequence[float], share: float) -> float:
    """Return the value below which ``share`` of ``taken`` lie."""
    return sorted(taken)[min(len(taken) - 1, int(share * len(taken)))] * 1000


async def measure(name: str, work: Work, *, rounds: int, backend: int) -> None:
    """Run ``work`` and print a line."""
    for _ in range(10):
        await work()
    taken = []
    theirs, ours = cpu_of(backend), time.process_time()
    for _ in range(rounds):
        begun = time.perf_counter()
        await work()
        taken.append(time.perf_counter() - begun)
    theirs, ours = (cpu_of(backend) - theirs) * 1000 / rounds, (time.process_time() - ours) * 1000 / rounds
    print(f"{name:28} {at(taken, 0.5):8.2f} {at(taken, 0.99):8.2f} {theirs:10.2f} {ours:8.2f}")


async def run(*, products: int, rounds: int) -> None:
    """Fill a database and measure."""
    platform = Platform()
    catalogue = Catalogue()
    try:
        url = await platform.new_database("catalog.migrations")
        database = Database.open(url, service="catalog", pool_size=1)
        begun = time.perf_counter()
        await fill(database, catalogue, products)
        seconds = time.perf_counter() - begun
        print(f"{products} products written in {seconds:.0f} s, {products / seconds:.0f} a second")
        backend = await backend_of(database)
        print(f"{'':28} {'p50 ms':>8} {'p99 ms':>8} {'PostgreSQL':>10} {'Python':>8}")
        for name, work in searches(database, catalogue).items():
            await measure(name, work, rounds=rounds, backend=backend)
        await database.close()
    finally:
        await platform.drop_databases()
        platform.close()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--products", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=200)
    given = parser.parse_args()
    asyncio.run(run(products=given.products, rounds=given.rounds))


if __name__ == "__main__":
    main()
