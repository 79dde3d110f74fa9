"""Become another program that dies with its parent.

Run as a script (``python -I -S _exec.py …``), never imported: a fork with Python code in the child is not safe in a
process with threads, a fresh interpreter is. Imports nothing but the standard library.

    _exec.py PARENT_PID SIGNAL USER PROGRAM [ARGUMENT …]

SIGNAL is sent when the parent ends, however it ends (Linux; elsewhere the next start finds the orphans). USER is
``self``; ``namespace``: a user namespace in which we are not root, but files are reached as before; or the name of an
account to change to.
"""

import ctypes
import os
import pwd
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x10000000
_INNER_ID = 1000  # any id but 0: PostgreSQL asks only whether it is root


def main(parent: int, death_signal: int, user: str, command: list[str]) -> None:
    """Change user, tie our life to the parent's, and replace ourselves."""
    if user == "namespace":
        _enter_namespace()
    elif user != "self":
        _become(user)
    if sys.platform == "linux":  # after the change of user, which would clear it
        _call("prctl", _PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit("The process that started this one has ended.")
    os.execv(command[0], command)


def _enter_namespace() -> None:
    user_id, group_id = os.geteuid(), os.getegid()
    _call("unshare", _CLONE_NEWUSER)
    process = Path("/proc/self")
    (process / "setgroups").write_text("deny")
    (process / "uid_map").write_text(f"{_INNER_ID} {user_id} 1")
    (process / "gid_map").write_text(f"{_INNER_ID} {group_id} 1")


def _become(user: str) -> None:
    account = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)


def _call(function: str, *arguments: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, function)(*arguments) != 0:
        number = ctypes.get_errno()
        sys.exit(f"{function}: {os.strerror(number)}")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
