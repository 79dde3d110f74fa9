"""The acts about products: files in and out, search, a price."""

from collections.abc import Mapping
from typing import Any

from quartermaster_demo import shop
from quartermaster_demo.client import eventually, must
from quartermaster_demo.scene import Scene, written

MUG = "enamel-mug"
LAMP = "brass-desk-lamp"
CLOTHES = "apparel"
REDUCED = 7900  # cents, instead of 89.00 €
VARIANT_FIELDS = (
    "id", "sku", "options", "prices", "compare_at_prices", "barcode", "weight_grams", "tax_class", "requires_shipping",
    "image", "position",
)  # fmt: skip
PRICE_LIST = """\
Handle;Title;Option1 Name;Option1 Value;Variant SKU;Variant Price
brass-desk-lamp;Brass desk lamp;Title;Default Title;LAMP-BRASS;79.00
"""
"""With semicolons, as spreadsheets of some countries write it."""


async def _imported(scene: Scene, content: bytes, form: Mapping[str, str]) -> Any:  # noqa: ANN401 - a JSON document
    """Send a file and wait until it has been read."""
    merchandiser = scene.staff["merchandiser"]
    started = await merchandiser.call(
        "POST",
        "/v1/imports",
        202,
        data={"source": "shopify", "currency": shop.CURRENCY, **form},
        files={"file": ("products.csv", content, "text/csv")},
    )

    async def ended() -> Any:  # noqa: ANN401 - a JSON document
        found = await merchandiser.get(f"/v1/imports/{started.json()['id']}")
        return found if found["status"] in {"completed", "failed"} else None

    found = await eventually("the end of the import", ended)
    must(found["status"] == "completed" and found["counts"]["failed"] == 0, f"the import must succeed: {found}")
    return found


async def import_products(scene: Scene) -> None:
    """The product file comes in again: it updates, it never doubles; its stock counts hold again."""
    async with scene.step("import") as said:
        merchandiser = scene.staff["merchandiser"]
        before = (await merchandiser.get("/v1/products", count="true", limit=1)).get("total")
        counts = (await _imported(scene, shop.products_csv(), {"location": scene.location}))["counts"]
        after = (await merchandiser.get("/v1/products", count="true", limit=1)).get("total")
        must(before == after, f"a second import must not double: {before} products before, {after} after")
        said.append(f"{counts['rows']} rows, {counts['products']} products, {counts['unchanged']} unchanged, 0 failed")


async def try_import(scene: Scene) -> None:
    """A dry run says what a file would do, and does nothing."""
    async with scene.step("a dry run tells what a file would change") as said:
        before = (await scene.nobody.call("GET", f"/v1/products/{LAMP}")).content
        found = await _imported(scene, PRICE_LIST.encode(), {"dry_run": "true"})
        changes = found["changes"]["items"]
        must(found["dry_run"] and found["counts"]["updated"] == 1, f"one product would be updated: {found['counts']}")
        must([each["handle"] for each in changes] == [LAMP], f"only {LAMP} would change: {changes}")
        (field,) = (each for each in changes[0]["fields"] if each["field"].startswith("/variants/LAMP-BRASS/prices/"))
        must((field["before"], field["after"]) == (8900, REDUCED), f"the price would fall to {REDUCED}: {field}")
        after = (await scene.nobody.call("GET", f"/v1/products/{LAMP}")).content
        must(before == after, "a dry run must change nothing")
        detected = found["detected"]
        said += [f"{field['field']} {field['before']} → {field['after']}", f"{detected['delimiter']} found"]


async def round_trip(scene: Scene) -> None:
    """What is exported and imported again is what was there."""
    async with scene.step("export, and import it again") as said:
        merchandiser = scene.staff["merchandiser"]
        exported = (await merchandiser.call("GET", "/v1/products/export", params={"format": "shopify"})).content
        counts = (await _imported(scene, exported, {}))["counts"]
        changed = (counts["created"], counts["updated"])
        must(changed == (0, 0), f"an export that is imported again must change nothing: {counts}")
        must(counts["products"] > 0, f"the export must hold the products: {counts}")
        said.append(f"{counts['products']} products, {len(exported) // 1000} kB, 0 changed")


async def search(scene: Scene) -> None:
    """A visitor finds a mug by words and by SKU, also where a word is mistyped or only begun."""
    async with scene.step("search") as said:
        by_words = await scene.nobody.get("/v1/search", q="enamel mug")
        must(by_words["items"], "a search for 'enamel mug' must find something")
        by_sku = await scene.nobody.get("/v1/search", q=shop.PLENTIFUL_SKU)
        product = await scene.nobody.get(f"/v1/products/{by_sku['items'][0]['handle']}")
        skus = {variant["sku"] for variant in product["variants"]}
        must(shop.PLENTIFUL_SKU in skus, f"a search for {shop.PLENTIFUL_SKU} must find its product first")
        said.append(f"{len(by_words['items'])} hits for two words, {product['title']} first by SKU")
    async with scene.step("a typo, and a word half typed") as said:
        mended = await scene.nobody.get("/v1/search", q="enamle mug")
        must(mended["corrected"] == "enamel mug", f"'enamle mug' must be mended, not to {mended['corrected']!r}")
        must([each["handle"] for each in mended["items"]][:1] == [MUG], f"the mug must be found: {mended['items'][:1]}")
        suggested = await scene.nobody.get("/v1/search/suggestions", q="enam")
        must(MUG in [each["handle"] for each in suggested["items"]], f"'enam' must suggest the mug: {suggested}")
        said += [f"enamle → {mended['corrected']}", f"enam → {suggested['items'][0]['title']}"]


async def facets(scene: Scene) -> None:
    """Choosing one colour leaves the others to choose, each with what it would show; other facets are narrowed."""
    async with scene.step("facets") as said:
        everything = await _wear(scene)
        (name, count), *_ = colours = sorted(_counts(everything, "color").items(), key=lambda each: (-each[1], each[0]))
        chosen = await _wear(scene, name)
        shown = len(chosen["items"])
        must(len(colours) > 1, f"clothes must come in colours: {colours}")
        must(shown == count, f"{name} is counted {count}, and {shown} are shown")
        again = _counts(chosen, "color")
        must(again == dict(colours), f"a chosen colour must leave the others as they were: {again}, before: {colours}")
        sizes, all_sizes = (sum(_counts(each, "size").values()) for each in (chosen, everything))
        must(sizes < all_sizes, f"a chosen colour must narrow the sizes: {sizes} instead of {all_sizes}")
        said += [f"{name} {count}" for name, count in colours[:3]]
        said.append(f"with {name} chosen the same, and fewer sizes")


async def _wear(scene: Scene, *colours: str) -> Any:  # noqa: ANN401 - a JSON document
    """Search for clothes of some colours; of any, where none is named."""
    params = {"category": CLOTHES, "attr.Color": list(colours), "limit": 200}
    return (await scene.nobody.call("GET", "/v1/search", params=params)).json()


def _counts(found: Mapping[str, Any], name: str) -> dict[str, int]:
    """How many products each value of a facet would show."""
    facets = [each for each in found["facets"] if each["parameter"].lower() == f"attr.{name}"]
    must(facets, f"there must be a facet {name}: {[each['parameter'] for each in found['facets']]}")
    return {option["value"]: option["count"] for option in facets[0]["values"]}


async def change_price(scene: Scene) -> str:
    """A price falls; its page and the search show it, and the id is what partners hear of. Then it rises again."""
    async with scene.step("a price change") as said:
        product = await _set_price(scene, REDUCED)
        said.append(f"{product['title']} for {written({'amount': REDUCED, 'currency': shop.CURRENCY})}")
        await _set_price(scene, 8900)
        said.append("on its page and in the search, and back again")
        found: str = product["id"]
        return found


async def _set_price(scene: Scene, amount: int) -> Any:  # noqa: ANN401 - a JSON document
    """Set the lamp's price as who has just read it, and wait until everybody sees it."""
    merchandiser, path = scene.staff["merchandiser"], f"/v1/products/{LAMP}"
    read = await merchandiser.call("GET", path)
    (variant,) = read.json()["variants"]
    price = {"amount": amount, "currency": shop.CURRENCY}
    body = {"variants": [{name: variant[name] for name in VARIANT_FIELDS} | {"prices": [price]}]}
    changed = await merchandiser.call("PATCH", path, json=body, headers={"If-Match": read.headers["etag"]})
    await merchandiser.call("PATCH", path, 412, json=body, headers={"If-Match": read.headers["etag"]})

    async def shown() -> bool:
        page = await scene.nobody.get(path)
        hits = (await scene.nobody.get("/v1/search", q=shop.SCARCE_SKU))["items"]
        return page["variants"][0]["prices"] == [price] and [each["price_from"] for each in hits[:1]] == [price]

    await eventually(f"{path} and the search with the price {amount}", shown)
    return changed.json()
