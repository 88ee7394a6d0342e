"""The one way to Milvus: a connection, its questions, and what it fails with in our own words.

The only home of pymilvus, and of the gRPC below it, whose errors the library lets through.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeVar

# gRPC reads both when it is imported. Its own resolver knows nothing of names like nas.local,
# and a failed handshake is told on stderr, past the log.
os.environ.setdefault("GRPC_DNS_RESOLVER", "native")
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc
from pymilvus import DataType, MilvusClient
from pymilvus.exceptions import MilvusException

from imgqd.query.milvus import LONGEST
from imgqd.stores.access import Access
from imgqd.stores.columns import ARRAYS, ELEMENTS, REAL, TEXTS, WHOLE
from imgqd.stores.interface import StoreAway, StoreError, StoreRefused

T = TypeVar("T")

# It logs each failure with all its arguments; ours carry what a person needs, and no secret.
logging.getLogger("pymilvus").setLevel(logging.CRITICAL)

_NEVER_MS: Final = 2**31 - 1

_GRAPH: Final = {"M": 18, "efConstruction": 240}
"""How the index is made: what Milvus's own AUTOINDEX takes on a server."""

_FULL: Final = re.compile(
    r"no space left|disk quota|quota exhausted|memory quota|quota exceeded", re.IGNORECASE
)
_TRIED: Final = re.compile(r"^failed to connect to all addresses.*: ")
"""How gRPC begins: with every address that a name has, before why the last one did not answer."""

_DIFFERS: Final = re.compile(r"\bdim\b|dimension", re.IGNORECASE)


class Engine:
    """A connection of its own; raises StoreAway and StoreRefused.

    The library would lend one connection to all that ask for the same address, whatever
    token and certificates they bring.
    """

    def __init__(self, access: Access, timeout: float) -> None:
        self.where = access.uri
        self._access = access
        self._timeout = timeout
        token = access.token()
        self._secrets = [secret for secret in (token, token.partition(":")[2]) if secret]
        self._client = self._asked(lambda: _connected(access, token, timeout))

    def ask(self, method: str, **arguments: Any) -> Any:
        """Ask the library's client something, by the name of its method."""
        call = getattr(self._client, method)
        return self._asked(lambda: call(timeout=self._timeout, **arguments))

    def create(self, name: str, dim: int) -> None:
        """Make a collection of rows (`columns`) and vectors, without an index."""
        schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
        schema.add_field("key", DataType.VARCHAR, is_primary=True, max_length=256)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dim)
        for field in WHOLE:
            schema.add_field(field, DataType.INT64)
        for field in REAL:
            schema.add_field(field, DataType.DOUBLE)
        for field, length in TEXTS.items():
            schema.add_field(field, DataType.VARCHAR, max_length=length)
        for field in ARRAYS:
            schema.add_field(
                field,
                DataType.ARRAY,
                element_type=DataType.VARCHAR,
                max_capacity=ELEMENTS,
                max_length=LONGEST,
            )
        self.ask(
            "create_collection", collection_name=name, schema=schema, consistency_level="Bounded"
        )

    def index(self, name: str) -> None:
        """Make the index of a collection, if whoever made the collection did not get so far."""
        if self.ask("list_indexes", collection_name=name):
            return
        index = MilvusClient.prepare_index_params()
        index.add_index(
            "vector", index_type="HNSW", metric_type="IP", index_name="vector", params=_GRAPH
        )
        self.ask("create_index", collection_name=name, index_params=index)

    def close(self) -> None:
        """Close the connection."""
        with contextlib.suppress(Exception):  # what is closed may be broken in any way
            self._client.close()

    def _asked(self, question: Callable[[], T]) -> T:
        try:
            return question()
        except (MilvusException, grpc.RpcError) as error:
            raise self._said(error) from None
        except OSError as error:
            raise StoreAway(f"{self.where}: {error.strerror or 'no connection'}") from None

    def _said(self, error: Exception) -> StoreError:
        """Return an error of the engine as one of ours, without a secret."""
        status, text = None, ""
        for one in _causes(error):
            if isinstance(one, grpc.RpcError):
                status, text = one.code(), one.details() or ""
            elif isinstance(one, MilvusException):
                text = str(one.message)
        text = " ".join(text.split())
        for secret in self._secrets:
            text = text.replace(secret, "…")
        refusal = self._refusal(status, text)
        if refusal is not None:
            return StoreRefused(f"{self.where} {refusal}")
        if status is grpc.StatusCode.DEADLINE_EXCEEDED:
            return StoreAway(f"{self.where} did not answer within {self._timeout:g} s")
        if _FULL.search(text):
            text = f"it has no room, give it more ({text})"
        text = _TRIED.sub("no connection: ", text)
        return StoreAway(f"{self.where}: {text[:300]}")

    def _refusal(self, status: grpc.StatusCode | None, text: str) -> str | None:
        """Return what a person has to do, None where it may pass by itself."""
        if status is grpc.StatusCode.UNAUTHENTICATED:
            return f"refuses the token: {self._access.whence}"
        if status is grpc.StatusCode.PERMISSION_DENIED:
            return f"does not let the token's user do this: {text[:300]}"
        if "CERTIFICATE_VERIFY_FAILED" in text or "Hostname Verification" in text:
            return (
                "shows a certificate that is not signed by "
                f"{self._access.authority or 'anyone known'}, or not for this name: set ca_file"
            )
        if "WRONG_VERSION_NUMBER" in text:
            return "does not speak TLS: write http://, or give it a certificate"
        if _DIFFERS.search(text):
            return f"holds vectors of another length: {text[:300]}"
        return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what caused it; the library's often claim to be their own cause."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__context__ if error.__cause__ is error else error.__cause__


def _connected(access: Access, token: str, timeout: float) -> MilvusClient:
    # Versions after 3.0.2 tell the server about themselves every ten seconds, unless told not to.
    more: dict[str, Any] = {"telemetry_config": {"enabled": False}, "dedicated": True}
    # Its own habit is a sign of life every ten seconds: a process that waits is to be still.
    more["grpc_options"] = {
        "grpc.keepalive_time_ms": _NEVER_MS,
        "grpc.keepalive_permit_without_calls": False,
    }
    if access.is_encrypted:
        more["secure"] = True
        if access.authority is not None:
            # By this name it takes whatever signs the server's certificate.
            more["server_pem_path"] = str(access.authority)
    return MilvusClient(uri=access.uri, token=token, timeout=timeout, **more)
