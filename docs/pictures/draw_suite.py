"""Draw ``suite.svg``: the services, what each owns, which events it publishes and which it acts on.

    python docs/pictures/draw_suite.py [--check]

Events are read from the services themselves, so the picture cannot tell of others; what a service owns is said here.
Colours change with the reader's light or dark setting; a viewer that knows no such setting shows the light ones.
"""

# ruff: noqa: INP001 - a script

import importlib
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from common import checked_in
from common.events import CONTRACTS, EventContract
from common.service import Service

ROOT = Path(__file__).resolve().parents[2]
PICTURE = Path("docs/pictures/suite.svg")
COMMAND = "python docs/pictures/draw_suite.py"
OWNS = {
    "gateway": ("the one public API", "logins, roles, tokens"),
    "catalog": ("products, categories", "prices, imports, search"),
    "inventory": ("locations, stock, ledger", "holds, allocations"),
    "orders": ("carts, checkout", "orders, parcels, rates"),
    "metrics": ("facts, sales, top sellers", "by day and channel"),
    "notifications": ("contacts, templates", "mails"),
}
CALLS = (  # caller, callee, how far below the top of their boxes
    ("catalog", "inventory", 22),
    ("orders", "inventory", 16),
    ("inventory", "orders", 28),
)

WIDTH, MARGIN, GAP, COLUMN = 1262, 20, 22, 185
LINE = 18  # pixels between two lines of a list
TOP, BOX = 128, 120  # where boxes begin, and below that their lists
BAND_HEAD = 54

STYLE = """
svg { font-family: system-ui, "Segoe UI", "DejaVu Sans", sans-serif }
.page { fill: #fbfaf8 } .card { fill: #ffffff; stroke: #d5d2ca } .band { fill: #eef3f2; stroke: #c4d5d2 }
.ink { fill: #1d2329 } .soft { fill: #55616c } .accent { fill: #0b6e69 } .line { stroke: #55616c }
.call { stroke: #0b6e69 } .head { fill: #55616c } .callhead { fill: #0b6e69 }
@media (prefers-color-scheme: dark) {
  .page { fill: #14181c } .card { fill: #1b2026; stroke: #38424c } .band { fill: #17232a; stroke: #2c4149 }
  .ink { fill: #e6e8ea } .soft { fill: #a3aeb8 } .accent { fill: #5ac8bf } .line { stroke: #a3aeb8 }
  .call { stroke: #5ac8bf } .head { fill: #a3aeb8 } .callhead { fill: #5ac8bf }
}
"""
MARKERS = "".join(
    f'<marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    f'<path class="{name}" d="M0 0L8 4L0 8z"/></marker>'
    for name in ("head", "callhead")
)


def text(x: float, y: float, words: str, *, kind: str = "ink", size: float = 13.5, extra: str = "") -> str:
    """One line of words."""
    return f'<text class="{kind}" x="{x:g}" y="{y:g}" font-size="{size:g}"{extra}>{escape(words)}</text>'


def arrow(x1: float, y1: float, x2: float, y2: float, *, call: bool = False) -> str:
    """A line with a head: solid for events, dashed for calls."""
    kind, head, dash = ("call", "callhead", ' stroke-dasharray="5 4"') if call else ("line", "head", "")
    return (
        f'<line class="{kind}" x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke-width="1.6"{dash} '
        f'marker-end="url(#{head})"/>'
    )


def left_of(place: int) -> float:
    """Where the column begins."""
    return MARGIN + place * (COLUMN + GAP)


def shortened(contracts: Sequence[type[EventContract]]) -> list[str]:
    """Types of one aggregate on as few lines as there is room for: ``order.placed``, then ``.shipped .paid``."""
    lines: list[str] = []
    by_aggregate: dict[str, list[str]] = {}
    for contract in contracts:
        aggregate, _, happened = contract.type.partition(".")
        by_aggregate.setdefault(aggregate, []).append(happened)
    for aggregate, endings in by_aggregate.items():
        line = f"{aggregate}.{endings[0]}"
        for each in endings[1:]:
            if len(line) + len(each) > 21:  # noqa: PLR2004 - letters in a column
                lines.append(line)
                line = f"   .{each}"
            else:
                line += f" .{each}"
        lines.append(line)
    return lines


def heard_by(service: Service) -> list[str]:
    """What a service acts on, in few words."""
    heard = {contract for consumer in service.consumers for contract in consumer.handlers}
    facts = {contract for contract in CONTRACTS if contract.topic.kind == "fact"}
    if facts <= heard:
        return ["every fact of the others"]
    return shortened([contract for contract in CONTRACTS if contract in heard])


def draw() -> str:
    """Return the picture."""
    services = [importlib.import_module(f"{name}.app").SERVICE for name in OWNS]
    heard = [heard_by(service) for service in services]
    bottom = TOP + BOX + LINE * (max(map(len, heard)) + 1) + 6
    band = bottom + 42
    said = [list(_said_by(service)) for service in services]
    height = band + BAND_HEAD + LINE * max(map(len, said)) + 24
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" '
            f'height="{height:g}" role="img" aria-labelledby="title">'
        ),
        (
            '<title id="title">Six services behind one API, each with a database of its own, joined by events on Kafka'
            "</title>"
        ),
        f"<style>{STYLE}</style><defs>{MARKERS}</defs>",
        f'<rect class="page" width="{WIDTH}" height="{height:g}" rx="10"/>',
        *_clients(),
        (
            f'<rect class="band" x="{MARGIN}" y="{band:g}" width="{WIDTH - 2 * MARGIN}" '
            f'height="{height - band - 14:g}" rx="8"/>'
        ),
        text(MARGIN + 14, band + 25, "Kafka", size=17, extra=' font-weight="700"'),
        text(MARGIN + 80, band + 25, "each service announces here what happened to what it owns", kind="soft", size=14),
    ]
    for place, service in enumerate(services):
        parts += _box(place, service, heard[place], bottom)
        parts += _events(place, said[place], heard[place], bottom, band)
    parts += _calls(list(OWNS))
    return "\n".join([*parts, "</svg>", ""])


def _clients() -> Iterator[str]:
    """Who comes in, and how the gateway passes it on."""
    words = "storefronts, apps, consoles, scripts"
    yield text(MARGIN + 14, 38, words, kind="soft", size=15)
    yield text(left_of(1) + 110, 38, "HTTP, /v1", kind="accent", size=15, extra=' font-weight="600"')
    gate = left_of(0) + COLUMN / 2
    yield arrow(gate, 50, gate, TOP - 3, call=True)
    y = 84
    yield (
        f'<line class="call" x1="{gate + 40:g}" y1="{y}" x2="{left_of(5) + COLUMN / 2:g}" y2="{y}" stroke-width="1.6" '
        'stroke-dasharray="5 4"/>'
    )
    yield (
        f'<line class="call" x1="{gate + 40:g}" y1="{TOP}" x2="{gate + 40:g}" y2="{y}" stroke-width="1.6" '
        'stroke-dasharray="5 4"/>'
    )
    for place in range(1, 6):
        yield arrow(left_of(place) + COLUMN / 2, y, left_of(place) + COLUMN / 2, TOP - 3, call=True)
    yield text(gate + 56, y - 9, "signed on each call, for 60 seconds and one service", kind="soft")


def _box(place: int, service: Service, heard: Sequence[str], bottom: float) -> Iterator[str]:
    x = left_of(place)
    yield f'<rect class="card" x="{x:g}" y="{TOP}" width="{COLUMN}" height="{bottom - TOP:g}" rx="8"/>'
    yield text(x + 12, TOP + 27, service.name, size=17, extra=' font-weight="700"')
    for number, words in enumerate(OWNS[service.name]):
        yield text(x + 12, TOP + 50 + number * LINE, words, size=14)
    yield text(x + 12, TOP + 50 + 2 * LINE, "own PostgreSQL database", kind="soft", size=12.5)
    if heard:
        yield text(x + 12, TOP + BOX, "acts on", kind="accent", extra=' font-weight="600"')
    for number, words in enumerate(heard, start=1):
        yield text(x + 12, TOP + BOX + number * LINE, words, extra=' xml:space="preserve"')


def _said_by(service: Service) -> Iterator[tuple[str, str]]:
    for topic in sorted({contract.topic.name for contract in service.publishes}):
        yield "soft", topic
        for line in shortened([each for each in service.publishes if each.topic.name == topic]):
            yield "ink", f"  {line}"


def _events(
    place: int, said: Sequence[tuple[str, str]], heard: Sequence[str], bottom: float, band: float
) -> Iterator[str]:
    x = left_of(place)
    if said:
        yield arrow(x + 60, bottom + 2, x + 60, band - 3)
    if heard:
        yield arrow(x + COLUMN - 60, band - 2, x + COLUMN - 60, bottom + 3)
    for number, (kind, words) in enumerate(said):
        y = band + BAND_HEAD + number * LINE
        yield text(x + 12, y, words, kind=kind, size=13 if kind == "soft" else 13.5, extra=' xml:space="preserve"')


def _calls(names: Sequence[str]) -> Iterator[str]:
    """Calls between neighbours."""
    for caller, callee, height in CALLS:
        one, other, y = names.index(caller), names.index(callee), TOP + height
        if one < other:
            yield arrow(left_of(one) + COLUMN + 1, y, left_of(other) - 1, y, call=True)
        else:
            yield arrow(left_of(one) - 1, y, left_of(other) + COLUMN + 1, y, call=True)


def main() -> int:
    """Write the picture, or say whether it is current."""
    check: bool = checked_in.parser(COMMAND, __doc__).parse_args().check
    return checked_in.settle(ROOT, {PICTURE: draw()}, check=check, command=COMMAND)


if __name__ == "__main__":
    raise SystemExit(main())
