"""A copy of the working tree in which guards are taken away: nobody's own files are touched."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tools.guards.patches import GuardError

SKIPPED = (".svg",)  # the demo's pictures


class Checkout:
    """A copy of what git knows of, or would add, with an environment in which its code is the one that is imported."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.folder = folder
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607 - whichever git
            cwd=root,
            check=True,
            capture_output=True,
            text=True,
        )
        for name in filter(None, listed.stdout.split("\0")):
            source = root / name
            if source.is_file() and source.suffix not in SKIPPED:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, folder / name)
        self._compile()

    def _compile(self) -> None:
        """Compile once, dated by content: a patch may come and go within the second that files are dated by."""
        folders = [str(folder) for folder in self.packages.values()]
        command = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "checked-hash", *folders]
        subprocess.run(command, check=True, capture_output=True)

    @property
    def packages(self) -> dict[str, Path]:
        """Every installable package: import name -> folder to put on the path."""
        return {
            init.parent.name: init.parent.parent
            for kind in ("libs", "deploy", "services")
            for init in sorted(self.folder.glob(f"{kind}/*/*/__init__.py"))
            if (init.parent.parent / "pyproject.toml").exists()
        }

    def environment(self, **more: str) -> dict[str, str]:
        """Ours, with this copy's packages before those that are installed."""
        path = os.pathsep.join(str(folder) for folder in self.packages.values())
        return {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", **more}

    def require_own_code(self) -> None:
        """Raise GuardError unless the copy's packages are the ones that Python imports here."""
        names = list(self.packages)
        script = "import importlib, sys\nfor name in sys.argv[1:]: print(importlib.import_module(name).__file__)"
        done = subprocess.run(
            [sys.executable, "-c", script, *names],
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise GuardError(f"The copy's packages cannot be imported: {done.stderr.strip()}")
        strangers = [file for file in done.stdout.split("\n") if file and not file.startswith(str(self.folder))]
        if strangers:
            raise GuardError(f"Other code than the copy's would be tested: {', '.join(strangers)}")

    def apply(self, patch: Path, *, reverse: bool = False) -> None:
        """Apply a patch, or take it back. Raises GuardError where it does not fit."""
        done = subprocess.run(
            ["git", "apply", *(["--reverse"] if reverse else []), str(patch)],  # noqa: S607 - whichever git
            cwd=self.folder,
            env={**os.environ, "GIT_CEILING_DIRECTORIES": str(self.folder.parent)},  # it is no repository of its own
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise GuardError(f"the patch does not apply: {' '.join(done.stderr.split())}")
