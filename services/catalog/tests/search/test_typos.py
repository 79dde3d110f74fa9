"""Typos are mended where nothing is found otherwise, and only then."""

import pytest
import pytest_asyncio

from catalog.search.typos import Candidate, distance, nearest
from catalog.testing import product_body
from common.testing import Api


@pytest_asyncio.fixture(scope="module", loop_scope="session", autouse=True)
async def shop(api: Api) -> None:
    staff = api.as_user(scopes="catalog:write")
    for title, description in (
        ("Enamel mug", "For coffee"),
        ("Coffee grinder", "Ceramic burrs"),
        ("Toothbrush glass", "For two brushes"),
        ("Cushion", "Feathers"),
    ):
        made = await staff.post("/v1/products", json=product_body(title=title, description=description))
        assert made.status_code == 201, made.text


@pytest.mark.parametrize(
    ("q", "corrected", "first"),
    [
        ("enamle mug", "enamel mug", "Enamel mug"),  # two exchanged
        ("enmel", "enamel", "Enamel mug"),  # one missing
        ("ennamel", "enamel", "Enamel mug"),  # one too many
        ("inamel", "enamel", "Enamel mug"),  # the first one wrong
        ("cofee grindr", "coffee grinder", "Coffee grinder"),  # both words
        ("coffeegrinder", "coffee grinder", "Coffee grinder"),  # no space
        ("ceramick", "ceramic", "Coffee grinder"),  # of a description
        ("Küshion", "cushion", "Cushion"),
    ],
)
async def test_a_typo_is_mended_and_said(q: str, corrected: str, first: str, api: Api) -> None:
    answer = (await api.get("/v1/search", params={"q": q})).json()
    assert (answer["corrected"], answer["items"][0]["title"]) == (corrected, first)


@pytest.mark.parametrize("q", ["mug", "enamel", "coff", "enamel grinder", "mig", "zzzzzzzz", "x1y2", "4006381333932"])
async def test_what_is_found_or_far_from_everything_is_left_alone(q: str, api: Api) -> None:
    assert (await api.get("/v1/search", params={"q": q})).json()["corrected"] is None


async def test_filters_are_no_typo(api: Api) -> None:
    answer = (await api.get("/v1/search?q=enamel&price_max=1")).json()
    assert (answer["items"], answer["corrected"]) == ([], None)


async def test_pages_of_a_mended_search_go_on(api: Api) -> None:
    first = (await api.get("/v1/search?q=cofee&limit=1&sort=newest")).json()
    second = (await api.get(f"/v1/search?q=cofee&limit=1&sort=newest&after={first['next']}")).json()
    assert [first["corrected"], second["corrected"]] == ["coffee", "coffee"]
    assert [first["items"][0]["title"], second["items"][0]["title"], second["next"]] == [
        "Coffee grinder", "Enamel mug", None
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("one", "other", "mistakes"),
    [("", "", 0), ("mug", "mug", 0), ("mug", "", 3), ("mgu", "mug", 1), ("mugg", "mug", 1), ("ca", "abc", 3)],
)
def test_two_letters_exchanged_are_one_mistake(one: str, other: str, mistakes: int) -> None:
    assert distance(one, other) == distance(other, one) == mistakes


def test_the_nearer_word_wins_then_the_more_frequent() -> None:
    def among(*candidates: tuple[str, int]) -> tuple[str, ...] | None:
        return nearest("kettel", [Candidate((word,), products) for word, products in candidates])

    assert among(("kettle", 1), ("settee", 90)) == ("kettle",)
    assert among(("kettes", 1), ("ketten", 9)) == ("ketten",)
    assert among(("kettle", 0)) is None
    assert among(("settle", 5)) == ("settle",)
    assert among(("castle", 5)) is None
