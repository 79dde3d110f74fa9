"""Refuse a change of contracts that a reader of the last release could not bear.

    python -m common.events.compatibility [BASE] [NEW]

BASE is a folder of schemas, or a commit or tag of the checkout; without it, the newest release tag (``v1.2.0``). NEW is
a folder of schemas; without it, those of the checkout. Until there is a release, everything is 1.0 and may change.
"""

import argparse
import io
import json
import re
import subprocess
import sys
import tarfile
from pathlib import Path

from common.events._compatibility import Schemas, breaches, report
from common.events.generate import SCHEMAS

RELEASE = re.compile(r"v\d+(\.\d+)*")
SCHEMA = re.compile(r"[a-z0-9_.-]+/\d+\.\d+\.json")


class NothingToCompareError(Exception):
    """A folder, tag or checkout that was named is not there."""


def schemas_in(folder: Path) -> Schemas:
    """The schemas of a folder, by their path below it."""
    if not folder.is_dir():
        raise NothingToCompareError(f"{folder} is neither a folder nor a commit of this checkout.")
    paths = {str(file.relative_to(folder)): file for file in folder.rglob("*.json")}
    return {path: json.loads(file.read_bytes()) for path, file in sorted(paths.items()) if SCHEMA.fullmatch(path)}


def schemas_at(commit: str, root: Path) -> Schemas:
    """The schemas that were checked in at a commit."""
    archive = _git(root, "archive", "--format=tar", commit, "--", str(SCHEMAS))
    found = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        for member in files:
            path = member.name.removeprefix(f"{SCHEMAS}/")
            content = files.extractfile(member) if SCHEMA.fullmatch(path) else None
            if content is not None:
                found[path] = json.loads(content.read())
    return found


def newest_release(root: Path) -> str | None:
    """The newest release tag that this checkout stands on; None before the first."""
    tags = _git(root, "tag", "--list", "v*", "--merged", "HEAD", "--sort=-version:refname").decode().split()
    releases = [tag for tag in tags if RELEASE.fullmatch(tag)]
    if not releases and _git(root, "rev-parse", "--is-shallow-repository").strip() == b"true":
        raise NothingToCompareError(
            "This clone is shallow: a release tag would not be seen. Fetch its history and tags: "
            "git fetch --unshallow --tags."
        )
    return releases[0] if releases else None


def _git(root: Path, *arguments: str) -> bytes:
    command = ["git", "-C", str(root), *arguments]
    try:
        return subprocess.run(command, check=True, capture_output=True).stdout
    except FileNotFoundError as error:
        raise NothingToCompareError("There is no git here. Install it, or name two folders.") from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip()
        raise NothingToCompareError(f"git {arguments[0]}: {said} Name a commit or two folders.") from error


def _base(given: str | None, root: Path) -> tuple[str, Schemas] | None:
    if given is None:
        release = newest_release(root)
        return None if release is None else (release, schemas_at(release, root))
    folder = Path(given)
    return (given, schemas_in(folder) if folder.is_dir() else schemas_at(given, root))


def main(arguments: list[str] | None = None) -> int:
    """Compare; 1 when a reader would break, 2 when there is nothing to compare with."""
    summary = (__doc__ or "").split("\n")[0]
    parser = argparse.ArgumentParser(prog="python -m common.events.compatibility", description=summary)
    parser.add_argument("base", nargs="?", help="folder, commit or tag (default: the newest release tag)")
    parser.add_argument("new", nargs="?", type=Path, help="folder (default: the checkout's schemas)")
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="the checkout (default: the current folder)")
    options = parser.parse_args(arguments)
    root: Path = options.root
    try:
        base = _base(options.base, root)
        if base is None:
            sys.stderr.write("There is no release yet: every contract is 1.0 and may change.\n")
            return 0
        name, released = base
        found = breaches(released, schemas_in(options.new or root / SCHEMAS))
    except NothingToCompareError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.writelines(f"{line}\n" for line in report(found))
    verdict = f"{len(found)} changes would break a reader" if found else "nothing that would break a reader"
    sys.stderr.write(f"Compared {len(released)} schemas of {name}: {verdict}.\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
