"""What must be true before a run starts. Each refusal is a sentence that says what to do."""

import shutil
from pathlib import Path

from quartermaster_local.problems import LocalProblem

DATA_VERSION = 1  # raise it when data of an older checkout cannot be used any more; say what to do in CHANGELOG.md
_FREE_BYTES = 1_000_000_000


def require_space(folder: Path, *, needed_bytes: int = _FREE_BYTES) -> None:
    """Raise LocalProblem unless the disk has room: a full one ends PostgreSQL and Kafka in the middle of a write."""
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise LocalProblem(
            f"Only {free / 1e6:,.0f} MB are free under {folder}; {needed_bytes / 1e6:,.0f} MB are needed. "
            "Make room, or keep the data on another disk: make run DATA_DIR=/path."
        )


def require_fitting_data(data_dir: Path, *, version: int = DATA_VERSION) -> None:
    """Mark new data with our version. Raise LocalProblem for data of another one."""
    file = data_dir / "version"
    if not file.exists():
        file.write_text(f"{version}\n")
        return
    found = int(file.read_text())
    if found == version:
        return
    if found < version:
        raise LocalProblem(
            f"The data in {data_dir} was made by an older checkout (data version {found}, this one has {version}) and "
            f"cannot be used as it is. To start anew: rm -r '{data_dir}'. To keep it: use the checkout that made it, "
            "or read the CHANGELOG on how to take it along."
        )
    raise LocalProblem(
        f"The data in {data_dir} was made by a newer checkout (data version {found}, this one has {version}). "
        f"Update this checkout, or give it data of its own: make run DATA_DIR=.data-{version}."
    )
