"""Who is let in to the real server, over which wire. Run by `make stores` alone."""

from __future__ import annotations

import logging
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from imgqd.stores.access import Access
from imgqd.stores.interface import Freshness, StoreRefused
from stores.grounds import MODEL
from stores.milvus_server import ROOT, Papers, Server, Start
from stores.pictures import HERE, row, vector, vectors

pytestmark = [pytest.mark.server, pytest.mark.timeout(900)]

EVERYTHING = Freshness.EVERYTHING


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A server's certificate of an authority of one's own, and another authority."""
    folder = tmp_path_factory.mktemp("papers")
    key_of = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
    signed = "x509 -req -in nas.csr -out nas.pem -extfile names"
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    for command in (
        f"req -x509 {key_of} -days 2 -keyout ours.key -out ours.pem -subj /CN=ours",
        f"req -x509 {key_of} -days 2 -keyout other.key -out other.pem -subj /CN=other",
        f"req {key_of} -keyout nas.key -out nas.csr -subj /CN=nas",
        f"{signed} -CA ours.pem -CAkey ours.key -CAcreateserial -days 2",
    ):
        subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)
    for name, token in (("right", ROOT), ("wrong", "root:hunter2"), ("reader", "reader:Reader12")):
        (folder / name).write_text(token)
        (folder / name).chmod(0o600)
    return {path.name: path for path in folder.iterdir()}


@pytest.fixture(scope="module")
def guarded(
    binaries: Path, papers: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """One that speaks TLS alone, to who has a token."""
    shown = Papers(papers["nas.pem"], papers["nas.key"], papers["ours.pem"])
    server = Server(binaries, tmp_path_factory.mktemp("guarded"), papers=shown, is_guarded=True)
    server.start()
    yield server
    server.stop()


def entered(server: Server, token: Path | None, authority: Path | None) -> Any:
    from imgqd.stores.milvus import Milvus

    return Milvus(Access(server.uri, token_file=token, ca_file=authority), MODEL)


def test_with_the_right_token_and_authority_all_goes_over_tls(
    guarded: Server, papers: dict[str, Path]
) -> None:
    store = entered(guarded, papers["right"], papers["ours.pem"])
    store.upsert([row("a"), row("b")], vectors("a", "b"))
    [hit] = store.search(vector("b"), 1, None, EVERYTHING)
    assert hit.row == row("b")
    store.close()


def test_a_wrong_token_is_refused_and_told_nowhere(
    guarded: Server, papers: dict[str, Path], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), pytest.raises(StoreRefused) as error:
        entered(guarded, papers["wrong"], papers["ours.pem"])
    assert "refuses the token: put the right one into" in str(error.value)
    assert "\n" not in str(error.value)
    with pytest.raises(StoreRefused, match="refuses the token: it wants one"):
        entered(guarded, None, papers["ours.pem"])
    for said in (str(error.value), caplog.text, guarded.said(1 << 20)):
        assert "hunter2" not in said


def test_a_token_without_rights_is_refused(guarded: Server, papers: dict[str, Path]) -> None:
    store = entered(guarded, papers["right"], papers["ours.pem"])
    store._engine.ask("create_user", user_name="reader", password="Reader12")
    store.close()
    with pytest.raises(StoreRefused, match="does not let the token's user do this"):
        entered(guarded, papers["reader"], papers["ours.pem"])


def test_the_user_that_the_docs_tell_to_make_is_let_in(
    guarded: Server, papers: dict[str, Path]
) -> None:
    store = entered(guarded, papers["right"], papers["ours.pem"])
    store._engine.ask("create_user", user_name="imgq", password="first-of-two")
    store._engine.ask("grant_role", user_name="imgq", role_name="admin")
    store.close()
    mine = papers["right"].with_name("mine")
    mine.write_text("imgq:second-of-two")
    mine.chmod(0o600)
    with pytest.raises(StoreRefused, match="refuses the token"):
        entered(guarded, mine, papers["ours.pem"])
    store = entered(guarded, papers["right"], papers["ours.pem"])
    store._engine.ask(
        "update_password",
        user_name="imgq",
        old_password="first-of-two",
        new_password="second-of-two",
    )
    store.close()
    store = entered(guarded, mine, papers["ours.pem"])
    store.upsert([row("mine")], vectors("mine"))
    store.forget(HERE)
    store.close()


def test_the_settings_of_the_worked_deployment_make_a_server_that_wants_tls_and_a_token(
    start: Start, papers: dict[str, Path], tmp_path: Path
) -> None:
    page = Path(__file__).parents[2].joinpath("docs/scale.md").read_text()
    [text] = re.findall(r"```yaml\n(services:.*?)```", page, re.DOTALL)
    given = dict(re.findall(r'^ +([A-Z_]+): "?([^"\n]+)"?$', text, re.MULTILINE))
    assert re.findall(r"\d+:\d+", text) == ["19530:19530"]
    # Its folders are the container's; here they are the test's.
    moved = {"ETCD_DATA_DIR": str(tmp_path / "etcd")} | {
        name: str(papers[place.removeprefix("/tls/")])
        for name, place in given.items()
        if place.startswith("/tls/")
    }
    server = start(settings=given | moved)
    server.uri = server.uri.replace("http:", "https:")
    with pytest.raises(StoreRefused, match="refuses the token"):
        entered(server, papers["wrong"], papers["ours.pem"])
    entered(server, papers["right"], papers["ours.pem"]).close()


@pytest.mark.parametrize("authority", ["other.pem", None])
def test_a_server_whose_certificate_others_signed_gets_no_token(
    guarded: Server, papers: dict[str, Path], authority: str | None
) -> None:
    # While another store in this process is connected as it should be.
    good = entered(guarded, papers["right"], papers["ours.pem"])
    with pytest.raises(StoreRefused, match="certificate that is not signed by"):
        entered(guarded, papers["right"], None if authority is None else papers[authority])
    good.close()


def test_a_server_without_tls_gets_no_token_over_https(
    address: str, papers: dict[str, Path]
) -> None:
    from imgqd.stores.milvus import Milvus

    bare = Access(address.replace("http:", "https:"), papers["right"], None, papers["ours.pem"])
    with pytest.raises(StoreRefused, match="does not speak TLS"):
        Milvus(bare, MODEL)
