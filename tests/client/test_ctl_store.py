"""imgqctl store, over a daemon by hand."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from client.fake_daemon import MACHINES, STATUS, STORE, FakeDaemon, Params, Refusal
from imgq.ctl import main
from imgq.store_reports import Store
from imgq.summary import store_line

Captured = pytest.CaptureFixture[bytes]


@pytest.fixture(autouse=True)
def clock_without_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("imgq.summary", "imgq.ctl_store"):
        monkeypatch.setattr(f"{module}.clock", lambda at: f"<{at:.0f}>")


def held(**changes: Any) -> Store:
    store = Store.from_wire({"store": {**STORE, **changes}})
    assert store is not None
    return store


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "in step, 1,200 pictures of all machines"),
        (
            {"state": "filling", "filling": {"done": 10, "total": 40}, "rows": None},
            "being told, 10 of 40 pictures",
        ),
        ({"state": "behind", "behind": 1, "rows": None}, "behind, 1 picture to tell"),
        (
            {"state": "away", "detail": "no\nconnection", "next_try": 1060.0, "rows": None},
            r"away: no\nconnection, since <1000>, next try at <1060>",
        ),
        (
            {"state": "other_model", "detail": "use one model", "rows": None},
            "another model: use one model, since <1000>",
        ),
        (
            {"unindexed": 7, "rows": None},
            "in step, 7 not in its index yet: searches may miss them",
        ),
        ({"waits_for": ["nas"], "rows": None}, "in step, another model until nas has it, too"),
        ({"state": "novel", "rows": None}, "novel"),
    ],
)  # fmt: skip
def test_a_store_is_told_in_a_line(changes: Params, line: str) -> None:
    assert store_line(held(**changes)) == line


def test_a_store_and_its_machines_are_a_table(daemon: FakeDaemon, capsysbinary: Captured) -> None:
    daemon.answers["store.status"] = {"store": STORE, "machines": MACHINES}
    assert main(["store"]) == 0
    assert capsysbinary.readouterr().out.decode().splitlines() == [
        "nas:19530: in step, 1,200 pictures of all machines",
        "machine  pictures  model  last heard of",
        "laptop   200       fast   <1000>         this machine",
        "nas      -         best   <900>          not all told yet, as another model sees them",
    ]
    assert main(["store", "status", "--json"]) == 0
    said = json.loads(capsysbinary.readouterr().out)
    assert said["host"] == "nas:19530"
    assert said["machines"][1]["rows"] is None


def test_without_a_store_it_says_where_one_is_named(
    daemon: FakeDaemon, capsysbinary: Captured
) -> None:
    daemon.answers["store.status"] = {"store": None, "machines": None}
    assert main(["store"]) == 1
    assert b"[store] url in the settings" in capsysbinary.readouterr().out


def test_what_differs_is_named_and_the_status_says_so(
    daemon: FakeDaemon, capsysbinary: Captured
) -> None:
    named = [
        {"path": "/p/a.png", "hash": "aa", "missing": True},
        {"path": None, "hash": "bb" * 16, "missing": False},
    ]
    daemon.answers["store.verify"] = {"checked": 9, "missing": 1, "vain": 30, "named": named}
    assert main(["store", "verify"]) == 1
    assert capsysbinary.readouterr().out.decode().splitlines() == [
        "9 pictures compared: 1 missing in the store, 30 there in vain",
        "  missing  /p/a.png",
        "  in vain  picture bbbbbbbbbbbb",
        "  and 29 more",
        "`imgqctl store verify --mend` mends it",
    ]
    assert main(["store", "verify", "--mend", "--json"]) == 0
    assert json.loads(capsysbinary.readouterr().out)["mended"] is True
    assert [params["mend"] for params in daemon.called("store.verify")] == [False, True]
    daemon.answers["store.verify"] = {"checked": 9, "missing": 0, "vain": 0, "named": []}
    assert main(["store", "verify"]) == 0


def test_a_machine_is_forgotten_only_when_somebody_says_yes(
    daemon: FakeDaemon, capsysbinary: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon.answers["store.forget"] = {"rows": 3}
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert main(["store", "forget", "nas"]) == 2
    assert daemon.called("store.forget") == []
    assert b"--yes" in capsysbinary.readouterr().err

    class Asked(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Asked("\n"))
    assert main(["store", "forget", "nas"]) == 1
    assert daemon.called("store.forget") == []
    monkeypatch.setattr("sys.stdin", Asked("y\n"))
    assert main(["store", "forget", "nas"]) == 0
    assert main(["store", "forget", "nas", "--yes"]) == 0
    assert capsysbinary.readouterr().out.endswith(b"3 pictures of nas removed from the store\n")


def test_leaving_says_what_stays(daemon: FakeDaemon, capsysbinary: Captured) -> None:
    daemon.answers["store.detach"] = lambda params, _: {"rows": 5 if params["remove"] else None}
    assert main(["store", "detach"]) == 0
    assert b"what it was told stays there" in capsysbinary.readouterr().out
    assert main(["store", "detach", "--remove"]) == 0
    assert b"5 pictures of this machine removed" in capsysbinary.readouterr().out


def test_a_switch_asks_for_those_who_have_not_changed(
    daemon: FakeDaemon, capsysbinary: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon.answers["store.status"] = {"store": STORE, "machines": MACHINES}
    daemon.answers["store.switch"] = {"store": STORE}
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert main(["store", "switch"]) == 2
    assert b"the pictures of nas are not found" in capsysbinary.readouterr().err
    assert main(["store", "switch", "--yes"]) == 0
    daemon.answers["store.status"] = {"store": STORE, "machines": MACHINES[:1]}
    assert main(["store", "switch"]) == 0
    assert len(daemon.called("store.switch")) == 2


def test_a_backfill_into_a_pipe_is_only_begun(daemon: FakeDaemon, capsysbinary: Captured) -> None:
    daemon.answers["store.backfill"] = {"store": {**STORE, "state": "filling"}}
    assert main(["store", "backfill", "--claim"]) == 0
    assert daemon.called("store.backfill") == [{"claim": True}]
    assert b"imgqctl store` shows how far" in capsysbinary.readouterr().out


def test_a_refusal_is_the_daemons_line(daemon: FakeDaemon, capsysbinary: Captured) -> None:
    daemon.answers["store.verify"] = Refusal("unavailable", "no store is set")
    assert main(["store", "verify"]) == 4
    assert capsysbinary.readouterr().err == b"imgqctl: no store is set\n"


def test_the_status_has_a_line_for_the_store(daemon: FakeDaemon, capsysbinary: Captured) -> None:
    daemon.answers["status"] = {**STATUS, "store": STORE}
    assert main(["status"]) == 0
    out = capsysbinary.readouterr().out.decode()
    assert "store     nas:19530: in step, 1,200 pictures of all machines" in out.splitlines()
