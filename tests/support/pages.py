"""The project's pages, cut into what tests look at."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OURS = (
    *sorted(ROOT.glob("*.md")),
    *sorted(ROOT.glob("docs/**/*.md")),
    ROOT / "deploy/demo/README.md",
    ROOT / "libs/partner_kit/README.md",
)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#{1,6} (.+)$", flags=re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, and what stands in it."""

    language: str
    content: str


def name_of(page: Path) -> str:
    """The page's path below the checkout."""
    return str(page.relative_to(ROOT))


def read(page: Path | str) -> str:
    """The page's text."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks_of(text: str) -> list[Block]:
    """The fenced blocks of a page, or of a part of one."""
    return [Block(language, content) for language, content in FENCE.findall(text)]


def without_blocks(text: str) -> str:
    """The page's prose."""
    return FENCE.sub("", text)


def section(text: str, heading: str) -> str:
    """What stands below a heading of the second level."""
    return text.split(f"\n## {heading}\n", maxsplit=1)[1].split("\n## ", maxsplit=1)[0]


def anchors_of(text: str) -> set[str]:
    """What a link may point to inside the page, as the usual viewers name it."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        for heading in HEADING.findall(without_blocks(text))
    }
