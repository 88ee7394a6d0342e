"""Dask's two ends that are ours, over TLS that asks for names: the only home of distributed.

Importing this costs a third of a second and 50 MB: the envoy does, and the workers' program.
"""

from __future__ import annotations

import logging
from typing import Any, Final

import dask
from distributed import Client, Worker
from distributed.security import Security

from imgqd.credentials import Credentials

_SETTINGS: Final = {
    # Batches are large on purpose.
    "distributed.admin.large-graph-warning-threshold": "1GiB",
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.diagnostics.nvml": False,
    # What it would show of a worker by HTTP goes without TLS.
    "distributed.worker.http.routes": [],
    "distributed.worker.profile.enabled": False,
}

_AT_ONCE: Final = 2
"""Batches that a worker has in hand: one is computed, one is on its way to the device."""


class _Strict(Security):  # type: ignore[misc]
    """Dask's security, but what connects to a scheduler asks it for a certificate of its name."""

    def __init__(self, credentials: Credentials) -> None:
        files = {f"tls_{role}_cert": credentials.cert for role in ("client", "worker")}
        files |= {f"tls_{role}_key": credentials.key for role in ("client", "worker")}
        super().__init__(require_encryption=True, tls_ca_file=credentials.ca, **files)
        self._context = credentials.context()

    def get_connection_args(self, role: str) -> dict[str, Any]:
        """Return what Dask connects with."""
        return {**super().get_connection_args(role), "ssl_context": self._context}


async def client(address: str, credentials: Credentials, timeout: float) -> Client:
    """Return a connected client; raises Unreachable, OSError."""
    _be_quiet()
    return await Client(
        address,
        security=_Strict(credentials),
        asynchronous=True,
        set_as_default=False,
        direct_to_workers=False,
        timeout=timeout,
        name="imgqd",
    )


def worker(
    address: str,
    credentials: Credentials,
    name: str,
    resource: str,
    timeout: float,
    listen: dict[str, Any],
) -> Worker:
    """Return a worker that is still to be started; `listen` may have `host` and `port`."""
    _be_quiet()
    return Worker(
        address,
        security=_Strict(credentials),
        name=name,
        nthreads=_AT_ONCE,
        resources={resource: _AT_ONCE},
        death_timeout=timeout,
        memory_limit=0,  # the model is in another process, and pixels are no more than two batches
        dashboard_address="127.0.0.1:0",
        **listen,
    )


def _be_quiet() -> None:
    dask.config.set(_SETTINGS)
    # What goes wrong is told in our words, one line each.
    for name in ("distributed", "tornado"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
