"""The line to the daemon of a program that asks at every key: lazy, and mended by itself."""

from __future__ import annotations

import asyncio
from typing import Any, Final, Self

from imgq.answers import SearchAnswer
from imgq.async_client import AsyncClient
from imgq.errors import HungUp

AT_ONCE: Final = 4
"""Thumbnails to ask for at a time: half of what the daemon takes, the rest is for searches."""


class Line:
    """A connection that is made when it is needed, and anew after the daemon was.

    `patience_s` are the seconds that an answer may take.
    """

    def __init__(self, patience_s: float = 30.0) -> None:
        self._patience_s = patience_s
        self._client: AsyncClient | None = None
        self._connecting = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.hang_up()

    async def search(self, query: str, **options: Any) -> SearchAnswer:
        """Search as `AsyncClient.search` does; an older search of this line is given up."""
        client = await self.client()
        try:
            return await client.search(query, supersede=True, **options)
        except HungUp:
            # The daemon was started anew since the last key.
            if self._client is client:
                await self.hang_up()
        client = await self.client()
        return await client.search(query, supersede=True, **options)

    async def client(self) -> AsyncClient:
        """Return a client that is connected; raises ImgqError where nobody answers."""
        async with self._connecting:
            if self._client is None:
                client = AsyncClient(timeout=self._patience_s)
                await client.__aenter__()
                self._client = client
            return self._client

    async def hang_up(self) -> None:
        """Close the connection, if there is one."""
        client, self._client = self._client, None
        if client is not None:
            await client.__aexit__()
