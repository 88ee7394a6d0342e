"""Certificates of a cluster: who may be spoken to, and what is wrong where nobody can be.

Each side shows a certificate that one authority signed, and a scheduler one that is made for
its name: Dask asks for the first only, so that any worker could pass for the scheduler.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

_PATIENCE: Final = 10.0
"""Seconds for a scheduler to answer."""


class Unreachable(Exception):
    """A scheduler cannot be reached, or not be trusted; the text says why."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Three files in PEM: the authority, our own certificate, and the key that it belongs to."""

    ca: str
    cert: str
    key: str

    def context(self) -> ssl.SSLContext:
        """Return what connects to a scheduler; raises Unreachable for files that cannot be used."""
        for file in (self.ca, self.cert, self.key):
            try:
                Path(file).read_bytes()
            except OSError as error:
                raise Unreachable(f"{file}: {(error.strerror or str(error)).lower()}") from error
        # Not those of the system: whoever one of them trusts is a stranger here.
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            made.load_verify_locations(self.ca)
        except (ssl.SSLError, ValueError) as error:
            raise Unreachable(f"{self.ca} holds no certificate of an authority") from error
        try:
            made.load_cert_chain(self.cert, self.key, password=_no_password)
        except (ssl.SSLError, ValueError) as error:
            words = f"{self.cert} and {self.key} are not a certificate and its key without password"
            raise Unreachable(words) from error
        return made


def _no_password() -> str:
    return ""  # else OpenSSL asks at the terminal


async def probe(address: str, credentials: Credentials) -> None:
    """Connect to a scheduler once, to learn in words why it cannot be; raises Unreachable."""
    parts = urlsplit(address)
    host, port = parts.hostname, parts.port
    context = await asyncio.to_thread(credentials.context)
    try:
        async with asyncio.timeout(_PATIENCE):
            reader, writer = await asyncio.open_connection(host, port, ssl=context)
            try:
                # It greets first. One that refuses our certificate says so only now (TLS 1.3).
                greeting = await reader.read(1)
            finally:
                writer.transport.abort()
    except ssl.SSLCertVerificationError as error:
        why = error.verify_message.rstrip(".")
        raise Unreachable(f"the certificate of {host} is not to be trusted: {why}") from error
    except ssl.SSLError as error:
        raise Unreachable(f"{host} refuses our certificate ({error.reason})") from error
    except TimeoutError:
        raise Unreachable(f"{host} does not answer at port {port}") from None
    except OSError as error:
        words = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise Unreachable(f"{host}, port {port}: {words.lower()}") from error
    if not greeting:
        raise Unreachable(f"{host} hangs up: it is no scheduler, or refuses our certificate")
