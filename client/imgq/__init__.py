"""imgq: find pictures by what they show, through the daemon's socket."""

from __future__ import annotations

TYPE_CHECKING = False  # typing's own costs more than a search has time for: see records
if TYPE_CHECKING:
    from typing import Any

    from imgq.async_client import AsyncClient
    from imgq.client import Client

__all__ = ["AsyncClient", "Client"]


def __getattr__(name: str) -> Any:
    # The daemon imports imgq.protocol alone: it must not pay for a client that it never uses.
    if name == "Client":
        from imgq.client import Client  # noqa: PLC0415

        return Client
    if name == "AsyncClient":
        from imgq.async_client import AsyncClient  # noqa: PLC0415

        return AsyncClient
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
