"""Passwords and keys of one run's data: made once, readable by their owner alone, never printed.

Folder 0700, files 0600. A file appears whole or not at all, so that a crash leaves no half key.
"""

import json
import os
import secrets
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from joserfc.jwk import OKPKey


class SecretStore:
    """A folder of secrets, each made when first asked for."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        self.folder = folder
        self._making = threading.RLock()  # services are started beside each other, and all want all keys

    def password(self, name: str) -> str:
        """256 random bits, in characters that no URL, shell or SQL gives a meaning."""
        return self._text(f"{name}.password", lambda: secrets.token_hex(32))

    def signing_key(self, name: str) -> str:
        """The private Ed25519 key of a service as a JWK in JSON; its ``kid`` is the service."""
        return self._text(f"{name}.jwk", lambda: _new_key(name))

    def trusted_keys(self, names: Sequence[str]) -> str:
        """The public keys of all ``names`` as a JWKS in JSON."""
        keys = [_public(json.loads(self.signing_key(name))) for name in names]
        return json.dumps({"keys": keys}, separators=(",", ":"))

    def write(self, name: str, text: str) -> Path:
        """Write a file as a secret, replacing what was there."""
        path = self.folder / name
        fresh = self.folder / f".{name}.new"
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(path)
        return path

    def _text(self, name: str, make: Callable[[], str]) -> str:
        path = self.folder / name
        with self._making:
            if not path.exists():
                self.write(name, make())
        return path.read_text()


def _new_key(name: str) -> str:
    key = OKPKey.generate_key("Ed25519", parameters={"kid": name, "use": "sig", "alg": "Ed25519"}, private=True)
    return json.dumps(key.as_dict(private=True), separators=(",", ":"))


def _public(key: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in key.items() if name not in {"d", "key_ops"}}
