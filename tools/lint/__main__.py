"""Command line of the house rules."""

import argparse
import sys
from pathlib import Path

from tools.lint.rule import lint, python_files
from tools.lint.rules import RULES

ROOT = Path(__file__).resolve().parents[2]


def main(argv: list[str] | None = None) -> int:
    """Print each line that breaks a rule; 1 if there is any."""
    parser = argparse.ArgumentParser(prog="python -m tools.lint", description="House rules that no other tool knows.")
    parser.add_argument("paths", nargs="*", type=Path, help="files or folders (default: services and common)")
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout (default: this one)")
    given = parser.parse_args(argv)
    root = given.root.resolve()
    paths = python_files(root, given.paths)
    findings = [
        finding
        for path in paths
        for finding in lint(path.read_text(encoding="utf-8"), path.relative_to(root).as_posix(), RULES)
    ]
    for finding in findings:
        print(finding)
    sys.stderr.write(f"lint: {len(paths)} files, {len(RULES)} house rules, {len(findings)} findings\n")
    return 1 if findings else 0


if __name__ == "__main__":
    raise SystemExit(main())
