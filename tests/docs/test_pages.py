"""Pages name what there is, point to what there is, and keep to their words."""

import ast
import re
import subprocess
import textwrap
from pathlib import Path

import orjson
import pytest

from tests.support.pages import OURS, ROOT, anchors_of, blocks_of, name_of, read, without_blocks

each_page = pytest.mark.parametrize("page", OURS, ids=name_of)

LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"(?:services|libs|deploy|docs|tests|tools|bench)/[\w./-]+")
VARIABLE = re.compile(r"\b[A-Z]{3,}(?:_[A-Z]+)+\b")
COMMAND = re.compile(r"\bmake ([a-z]+)\b")
MADE_BY_THE_READER = {
    "services/orders/orders/migrations/versions/2026_12_01_0900_add_order_reference.py",
    "services/orders/tests/ordering/test_reference.py",
}
NOT_OF_A_SERVICE = {  # of make, of the tests, of tools, or constants in code
    "DATA_DIR", "DEMO_SHOP", "REAL_DATA", "TEST_PLATFORM", "PIP_INDEX_URL",
}  # fmt: skip
UNFINISHED = r"TODO|FIXME|\bXXX\b|\bTBD\b|coming soon|for now\b|not yet implemented|lorem ipsum"
ABOUT_ITS_MAKING = r"/work/|/tmp/qm|\bshared/|\bAI\b|\bLLM|\bissue #?\d|this session|\bhelper session|\bassistant\b"
SALES_TALK = r"blazing|seamless|cutting.edge|world.class|powerful|effortless|best.in.class|revolutionary|\brobust\b"


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    dead = []
    for link in LINK.findall(without_blocks(read(page))):
        if re.match(r"https?:|mailto:", link):
            continue
        target, _, anchor = link.partition("#")
        found = (page.parent / target).resolve() if target else page
        if not found.exists() or (anchor and anchor not in anchors_of(read(found))):
            dead.append(link)
    assert dead == []


@each_page
def test_files_that_a_page_names_are_there(page: Path) -> None:
    named = {path for code in CODE.findall(without_blocks(read(page))) for path in PATH.findall(code)}
    missing = {path for path in named - MADE_BY_THE_READER if not (ROOT / path).exists() and "*" not in path}
    assert {path for path in missing if not path.endswith("/")} == set()


@each_page
def test_targets_that_a_page_names_are_in_the_makefile(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), flags=re.MULTILINE))
    code = [
        *CODE.findall(without_blocks(read(page))),
        *re.findall(r"^(?:    |\$ )(make .*)$", read(page), flags=re.MULTILINE),
    ]
    assert {target for each in code for target in COMMAND.findall(each)} - targets == set()


@each_page
def test_settings_that_a_page_names_exist(page: Path) -> None:
    known = set(VARIABLE.findall(read("docs/settings.md") + read("docker-compose.yml"))) | NOT_OF_A_SERVICE
    named = {name for code in CODE.findall(without_blocks(read(page))) for name in VARIABLE.findall(code)}
    assert {name for name in named if name.endswith(("_URL", "_PORT", "_KEY", "_KEYS")) or name in known} <= known


@each_page
@pytest.mark.parametrize("words", [UNFINISHED, ABOUT_ITS_MAKING, SALES_TALK], ids=["unfinished", "making", "sales"])
def test_a_page_keeps_to_its_subject(page: Path, words: str) -> None:
    assert re.findall(words, read(page), flags=re.IGNORECASE if words != ABOUT_ITS_MAKING else 0) == []


@each_page
def test_examples_are_what_they_are_marked_as(page: Path) -> None:
    for block in blocks_of(read(page)):
        match block.language:
            case "json":
                orjson.loads(block.content)
            case "python":
                assert_python(block.content)
            case "bash":
                subprocess.run(["bash", "-n"], input=block.content.encode(), check=True)  # noqa: S607 - whichever


def assert_python(content: str) -> None:
    """An example is Python, perhaps cut out of a class, a call or a function; what it imports exists."""
    dedented = textwrap.dedent(content)
    try:
        tree = ast.parse(dedented)
    except SyntaxError:  # lines of different places in one block
        tree = ast.parse("".join(line.strip() + "\n" for line in dedented.splitlines() if "return " not in line))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom | ast.Import)]
    exec(compile(ast.Module(body=list(imports), type_ignores=[]), "<example>", "exec"), {})  # noqa: S102 - our own pages
