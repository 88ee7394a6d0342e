"""Where a shared store is, and how this machine may enter it. Secrets are read late, kept nowhere.

A token comes from a file that nobody else can read, or from a variable of the environment; the
settings hold neither. It never goes over a wire that is not encrypted, but to this machine.
"""

from __future__ import annotations

import os
import ssl
import stat
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from imgqd.stores.interface import StoreRefused

_HERE = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Access:
    """A server's address (`https://host:19530`) or the file of an embedded store (`/path/x.db`).

    The second is for tests: while it is in use all users of this machine can read it.
    """

    uri: str
    token_file: Path | None = None
    token_variable: str | None = None
    """The name of a variable of the environment, used where there is no file."""
    ca_file: Path | None = None
    """Whose signature the server's certificate must bear; None for those the system trusts."""

    def __post_init__(self) -> None:
        parts = urlsplit(self.uri)
        if parts.username is not None or parts.password is not None:
            raise StoreRefused(
                "the store's address holds a password: put it into a file of its own"
            )
        if self.is_file:
            return
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise StoreRefused(
                f"{self.uri!r} is no store: write https://HOST:PORT, or /PATH/NAME.db"
            )
        is_secret = self.token_file is not None or self.token_variable is not None
        if parts.scheme == "http" and is_secret and parts.hostname not in _HERE:
            raise StoreRefused(
                "a token goes over https only: write https:// in the store's address"
            )

    @property
    def is_file(self) -> bool:
        """Whether it is the file of an embedded store."""
        return "://" not in self.uri and self.uri.endswith(".db")

    @property
    def is_encrypted(self) -> bool:
        """Whether the way there is TLS."""
        return self.uri.startswith("https://")

    @property
    def authority(self) -> Path | None:
        """Whose signature is taken; None where the system names nobody, and the library does."""
        if self.ca_file is not None:
            return self.ca_file
        known = ssl.get_default_verify_paths().cafile
        return Path(known) if known else None

    @property
    def whence(self) -> str:
        """Where the token comes from, as advice for who has to put another one there."""
        if self.token_file is not None:
            return f"put the right one into {self.token_file}"
        if self.token_variable is not None:
            return f"set {self.token_variable} to the right one"
        return "it wants one, set token_file"

    def token(self) -> str:
        """Return the token, empty where none is needed; raises StoreRefused."""
        if self.token_file is not None:
            return _secret(self.token_file)
        if self.token_variable is not None:
            token = os.environ.get(self.token_variable, "")
            if not token:
                raise StoreRefused(f"the variable {self.token_variable} holds no token: set it")
            return token
        return ""


def _secret(path: Path) -> str:
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise StoreRefused(f"others may read {path}: chmod 600 {path}")
            token = file.read(4097).decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a token"
        raise StoreRefused(f"no token in {path}: {why}") from None
    if not token or len(token) > 4096 or any(letter.isspace() for letter in token):
        raise StoreRefused(f"no token in {path}: one line of up to 4,096 letters is wanted")
    return token
