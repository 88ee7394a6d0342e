"""The way to a shared store: what is refused before anything is sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgqd.records import Model
from imgqd.stores import naming
from imgqd.stores.access import Access
from imgqd.stores.interface import StoreRefused
from stores.pictures import key

SECRET = "root:hunter2"  # a made-up one


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(f"{SECRET}\n")
    path.chmod(0o600)
    return path


def test_a_token_is_read_from_a_file_of_ones_own(secret: Path) -> None:
    access = Access("https://nas:19530", token_file=secret)
    assert access.token() == SECRET
    assert SECRET not in repr(access)


def test_a_token_file_that_others_may_read_is_refused(secret: Path) -> None:
    secret.chmod(0o640)
    with pytest.raises(StoreRefused, match="chmod 600"):
        Access("https://nas:19530", token_file=secret).token()


@pytest.mark.parametrize("content", [b"", b"two words", b"x" * 5000, b"\xff\xfe"])
def test_a_file_that_holds_no_token_is_refused_without_showing_it(
    secret: Path, content: bytes
) -> None:
    secret.write_bytes(content)
    with pytest.raises(StoreRefused, match="no token in") as error:
        Access("https://nas:19530", token_file=secret).token()
    assert "two words" not in str(error.value)


def test_a_token_comes_from_the_environment_too(monkeypatch: pytest.MonkeyPatch) -> None:
    access = Access("https://nas:19530", token_variable="IMGQ_STORE_TOKEN")
    with pytest.raises(StoreRefused, match="IMGQ_STORE_TOKEN holds no token"):
        access.token()
    monkeypatch.setenv("IMGQ_STORE_TOKEN", SECRET)
    assert access.token() == SECRET


def test_a_token_leaves_this_machine_encrypted_only(secret: Path) -> None:
    with pytest.raises(StoreRefused, match="https only"):
        Access("http://nas:19530", token_file=secret)
    assert Access("http://127.0.0.1:19530", token_file=secret).token() == SECRET
    assert Access("http://nas:19530").token() == ""


def test_without_an_authority_of_ones_own_the_systems_are_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = tmp_path / "ours.pem"
    assert Access("https://nas:19530", ca_file=ours).authority == ours
    system = tmp_path / "system.pem"
    system.touch()
    monkeypatch.setenv("SSL_CERT_FILE", str(system))
    assert Access("https://nas:19530").authority == system


@pytest.mark.parametrize("uri", ["nas:19530", "ftp://nas", "https://", "/a/folder", ""])
def test_what_is_no_address_is_refused(uri: str) -> None:
    with pytest.raises(StoreRefused, match="is no store"):
        Access(uri)


def test_a_password_in_an_address_is_refused_without_showing_it() -> None:
    with pytest.raises(StoreRefused) as error:
        Access(f"https://{SECRET}@nas:19530")
    assert "hunter2" not in str(error.value)


def test_a_collection_is_named_by_the_weights_and_not_by_what_they_are_called() -> None:
    one = Model("ViT-B-32/openai", "sha256:1", 512, 224, "shortest", "bicubic", 0)
    same = Model("local-dir:/a", "sha256:1", 512, 224, "shortest", "bicubic", 0)
    other = Model("ViT-B-32/openai", "sha256:2", 512, 224, "shortest", "bicubic", 0)
    name = naming.collection("imgq", one)
    assert name.startswith("imgq_512_")
    assert name.isidentifier()
    assert name == naming.collection("imgq", same)
    assert name != naming.collection("imgq", other)


def test_many_keys_are_asked_for_in_pieces() -> None:
    keys = [key(str(number)) for number in range(2500)]
    told = list(naming.expressions(keys))
    assert [one.count(":") for one in told] == [1000, 1000, 500]
    assert list(naming.expressions([])) == []


@pytest.mark.parametrize(
    ("version", "infix"),
    [
        ("v2.3.5", False),
        ("v2.3.5-lite", False),
        ("2.4.1-dev", True),
        ("v3.0", True),
        ("milvus_lite-3.2.2", True),
        ("", False),
    ],
)
def test_what_a_version_can_say(version: str, infix: bool) -> None:  # noqa: FBT001
    assert naming.has_infix(version) is infix
