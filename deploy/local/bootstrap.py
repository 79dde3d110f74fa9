"""Make or refresh ``.venv`` from the hashed lock, then install the packages of this checkout into it.

Run by every target of the Makefile with whatever ``python3`` there is, so: standard library only, and syntax that an
old Python can read far enough to be told that it is too old. Does nothing when nothing changed. Which package index is
used is the user's own setting (pip's configuration or environment); it is handed on to uv and never written down.
"""

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

FLOOR = (3, 11)
NEWER = ("python3.14", "python3.13", "python3.12", "python3.11")
FREE_BYTES = 1_000_000_000  # the environment takes half of it, the first data the rest
ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements.lock"
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / ".installed"


def main():
    """Bring ``.venv`` up to date, or say what to do."""
    _require_python()
    _require_platform()
    with LOCK.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # `make run` and `make test` may start together
        packages = _local_packages()
        digest = _digest(packages)
        if _installed() == digest:
            return
        _require_space()
        _make_environment()
        _install_lock()
        _install_packages(packages)
        STAMP.write_text(digest)


def _require_python():
    if sys.version_info >= FLOOR:
        return
    for name in NEWER:
        found = shutil.which(name)
        if found:
            os.execv(found, [found, __file__, *sys.argv[1:]])
    sys.exit(
        "Quartermaster needs Python 3.11 or newer; {} is Python {}. Install one, or name it: "
        "make PYTHON=/path/to/python3.12 …".format(sys.executable, platform.python_version())
    )


def _require_platform():
    machine = platform.machine().lower()
    supported = {"linux": ("x86_64", "aarch64"), "darwin": ("x86_64", "arm64")}
    if machine in supported.get(sys.platform, ()) and _has_wheels():
        return
    sys.exit(
        f"There are no PostgreSQL and Java wheels for {sys.platform} on {machine}. "
        "Use `make up` instead, which needs Docker only."
    )


def _has_wheels():
    """Whether wheels for glibc fit, which most Linux wheels here are built for."""
    return sys.platform != "linux" or platform.libc_ver()[0] == "glibc"


def _require_space():
    free = shutil.disk_usage(ROOT).free
    if free < FREE_BYTES:
        sys.exit(f"Only {free / 1e6:.0f} MB are free under {ROOT}; 1,000 MB are needed. Make room and try again.")


def _local_packages():
    candidates = [*ROOT.glob("libs/*"), ROOT / "deploy/local", ROOT / "deploy/demo", *ROOT.glob("services/*")]
    return sorted(folder for folder in candidates if (folder / "pyproject.toml").exists())


def _digest(packages):
    """Of all that decides what is installed; the path too, because editable packages hold it."""
    sha = hashlib.sha256(f"{ROOT}\n{sys.version_info[:2]}\n".encode())
    for file in (LOCK, *(folder / "pyproject.toml" for folder in packages)):
        sha.update(f"{file.relative_to(ROOT)}\n".encode())
        sha.update(file.read_bytes())
    return sha.hexdigest()


def _installed():
    return STAMP.read_text() if STAMP.exists() and PYTHON.exists() else ""


def _make_environment():
    if _works([PYTHON, "-m", "pip", "--version"]) and _works(
        [PYTHON, "-c", f"import sys; sys.exit(sys.version_info < {FLOOR})"]
    ):
        return
    _say("Making .venv …")
    if not _works([sys.executable, "-c", "import venv, ensurepip"]):
        version = "{}.{}".format(*sys.version_info)
        sys.exit(
            f"This Python ({sys.executable}) has no venv module. On Debian or Ubuntu: "
            f"sudo apt install python{version}-venv. Elsewhere: install Python from python.org."
        )
    done = subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=False)
    if done.returncode != 0:
        sys.exit(f"{VENV} could not be made; the reason is above. Remove it and try again.")


def _install_lock():
    """By uv, itself taken from the lock by pip; by pip alone where uv cannot do it. Ten times slower."""
    _say("Installing the packages of requirements.lock …")
    only_uv = VENV / "uv.txt"
    only_uv.write_text(_entry("uv"))
    pip = [PYTHON, "-m", "pip", "--disable-pip-version-check", "install", "--require-hashes", "--requirement"]
    _run([*pip, only_uv, "--quiet"])
    if not _uv("install", "--require-hashes", "--compile-bytecode", "--requirement", LOCK):
        _say("uv could not install them, trying pip …")
        _run([*pip, LOCK])


def _install_packages(packages):
    editable = [part for folder in packages for part in ("--editable", folder)]
    if editable and not _uv("install", "--no-deps", "--no-build-isolation", *editable):
        _run([PYTHON, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", *editable])


def _entry(name):
    """The lines of one package in the lock, hashes included."""
    lines = LOCK.read_text().splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"{name}=="))
    end = start + 1
    while end < len(lines) and lines[end].startswith(" "):
        end += 1
    return "\n".join(lines[start:end]) + "\n"


def _uv(*arguments):
    command = [VENV / "bin" / "uv", "pip", *arguments, "--quiet", "--python", PYTHON]
    return subprocess.run(command, check=False, env={**_index_settings(), **os.environ}).returncode == 0


def _index_settings():
    """Pip's own settings in uv's words, for this one process."""
    words = {
        "index-url": "UV_DEFAULT_INDEX",
        "extra-index-url": "UV_INDEX",
        "find-links": "UV_FIND_LINKS",
        "cert": "SSL_CERT_FILE",
    }
    listed = subprocess.run([PYTHON, "-m", "pip", "config", "list"], check=False, capture_output=True, text=True)
    settings = {}
    for line in listed.stdout.splitlines():
        name, _, value = line.partition("=")
        word = words.get(name.rpartition(".")[2])
        if word:
            settings[word] = value.strip("'\"")
    return settings


def _run(command):
    if subprocess.run(command, check=False).returncode != 0:
        sys.exit(
            "The packages could not be installed; the reason is above. Without network: connect and try again, "
            "only the first start needs it. Behind a mirror: set pip's index, for example with PIP_INDEX_URL."
        )


def _works(command):
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except OSError:
        return False


def _say(sentence):
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
