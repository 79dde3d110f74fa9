"""Each service's own invariants, run by the service itself in the environment of the local run."""

import subprocess
import sys
from pathlib import Path

from tools.verify.databases import SERVICES

SECONDS = 120.0


def verify_services(data_dir: Path) -> int:
    """Let every service verify itself, beside each other; how many found something."""
    running = {
        name: subprocess.Popen(
            [sys.executable, "-m", "quartermaster_local", "exec", "--data-dir", str(data_dir), name, "verify"]
        )
        for name in SERVICES
    }
    return sum(process.wait(SECONDS) != 0 for process in running.values())
