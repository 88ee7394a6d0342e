"""The table of methods: what each takes, what it refuses, and in which words."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from daemon.desk import STATUS, Desk, FakeCore
from imgqd import api as module
from imgqd import child
from imgqd.config import ServerSettings, Settings, SettingsError, StoreSettings
from imgqd.embed import NoModel
from imgqd.pulse import NotInSync
from imgqd.ranking import Hit
from imgqd.records import Found, Metadata
from imgqd.results import result
from imgqd.search import Answer
from imgqd.server import Problem
from imgqd.stock import InUse, UnknownName


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(monkeypatch)


def found(path: bytes, image: int = 5) -> Found:
    return Found(image, path, 10, 1_500_000_000, "png", 4, 3)


def test_hello_says_who_is_there(desk: Desk) -> None:
    assert desk.ask("hello") == {"name": "imgqd", "version": "1.2.3", "protocol": 1}


@pytest.mark.parametrize(
    "method",
    [
        "hello",
        "status",
        "sync",
        "why",
        "doctor",
        "roots.list",
        "roots.add",
        "roots.remove",
        "pause",
        "resume",
        "rescan",
        "models.list",
        "models.use",
        "models.pull",
        "models.import",
        "models.drop",
        "subscribe",
        "unsubscribe",
        "shutdown",
        "search",
    ],
)
def test_no_method_takes_a_parameter_that_it_does_not_know(desk: Desk, method: str) -> None:
    assert desk.refusal(method, colour=1) == ("usage", "unknown parameter 'colour'")


def test_unknown_parameters_may_have_names_of_two_kinds(desk: Desk) -> None:
    params: Any = {b"y": 1, "x": 2}  # MessagePack knows both
    with pytest.raises(Problem, match="unknown parameter 'x'"):
        desk.ask_all(("hello", params))


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({}, "an empty query"),
        ({"query": "  \n"}, "an empty query"),
        ({"like": None}, "an empty query"),
        ({"query": 5}, "query is a text"),
        ({"query": "a", "limit": 0}, "limit is a number from 1 to 1000"),
        ({"query": "a", "limit": 1001}, "limit is a number from 1 to 1000"),
        ({"query": "a", "limit": True}, "limit is a number"),
        ({"query": "a", "limit": "5"}, "limit is a number"),
        ({"query": "a", "offset": -1}, "offset is a number from 0"),
        ({"query": "a", "sync": 1}, "sync is true or false"),
        ({"query": "a", "all": "yes"}, "all is true or false"),
        ({"query": "a", "supersede": 1}, "supersede is true or false"),
        ({"query": "a", "sync": True, "timeout_s": 0}, "timeout_s is a number of seconds"),
        ({"query": "a", "sync": True, "timeout_s": float("nan")}, "timeout_s is a number"),
        ({"query": "a", "sync": True, "timeout_s": float("inf")}, "timeout_s is a number"),
        ({"like": "relative.png"}, "a path must be absolute"),
        ({"like": 5}, "a path is"),
    ],
)
def test_a_search_that_makes_no_sense_is_told_what_is_allowed(
    desk: Desk, params: dict[str, Any], said: str
) -> None:
    code, text = desk.refusal("search", **params)
    assert code == "usage"
    assert said in text


def test_a_query_has_a_longest_length_in_bytes(desk: Desk) -> None:
    assert desk.ask("search", query="ü" * 2048)["results"] == []
    assert desk.refusal("search", query="ü" * 2049)[0] == "too_large"


def test_the_limits_of_a_search_are_settings(desk: Desk) -> None:
    limits = ServerSettings(max_query=64, max_results=10)
    desk.prepare = lambda core: setattr(core, "settings", Settings(server=limits))
    assert desk.refusal("search", query="x" * 65) == ("too_large", "a query is at most 64 bytes")
    assert desk.refusal("search", query="x", limit=11)[1] == "limit is a number from 1 to 10"
    assert desk.refusal("search", query="x", offset=11)[1] == "offset is a number from 0 to 10"
    for params, expected in (
        ({}, (10, 0)),
        ({"limit": 4, "offset": 5}, (4, 5)),
        ({"limit": 10, "offset": 7}, (3, 7)),
    ):
        desk.ask("search", query="x", **params)
        [(_, page)] = [one for one in desk.core.asked if one[0] == "page"]
        assert page == expected


def test_an_answer_says_what_it_found_and_how_far_it_may_be_trusted(desk: Desk) -> None:
    files = (found(b"/p/a.png"), found(b"/p/\xff.png"))
    hit = Hit(files, 0.3, 0.9, "content")
    weak = Hit((found(b"/p/weak.png", 0),), None, 0.2, "name")

    def prepare(core: FakeCore) -> None:
        core.answer = Answer((hit, weak), 1, 40)

    desk.prepare = prepare
    answer = desk.ask("search", query=" cat ", limit=5, offset=0)
    assert answer.pop("took_ms") >= 0
    assert answer == {
        "results": [
            {
                "path": "/p/a.png", "score": 0.3, "relevance": 0.9, "image_id": 5, "width": 4,
                "height": 3, "format": "png", "size": 10, "mtime": 1.5, "matched": "content",
                "also": [b"/p/\xff.png"], "near": [], "taken_at": 1.5, "taken_offset": None,
                "taken_from": "file", "camera": None, "lens": None, "latitude": None,
                "longitude": None, "rating": None, "keywords": [], "title": None,
                "description": None, "software": None, "screenshot": False, "frames": 1,
                "machine": None, "reachable": True, "elsewhere": [],
            }
        ],
        "weak_from": 1, "total": 40, "model": "demo", "as_of": 42.0, "pending": 3,
        "degraded": ["x"], "everywhere": None, "problems": [],
        "understood": [
            {"kind": "words", "text": "cat", "start": 0, "end": 3, "means": "shows cat"}
        ],
    }  # fmt: skip
    assert ("encode", "cat") in desk.core.asked
    everything = desk.ask("search", query="cat", all=True)["results"]
    assert [one["image_id"] for one in everything] == [5, None]


def test_a_page_beyond_the_matches_is_empty_unless_weak_ones_are_asked_for(desk: Desk) -> None:
    def prepare(core: FakeCore) -> None:
        core.answer = Answer((Hit((found(b"/p/a.png"),), 0.1, 0.2, "content"),), 3, 40)

    desk.prepare = prepare
    assert desk.ask("search", query="cat", offset=10)["results"] == []
    assert len(desk.ask("search", query="cat", offset=10, all=True)["results"]) == 1


def test_without_a_model_names_answer_and_the_answer_says_so(desk: Desk) -> None:
    desk.prepare = lambda core: setattr(core, "fails", NoModel("no weights"))
    answer = desk.ask("search", query="cat")
    assert answer["model"] is None
    [(_, arguments)] = [one for one in desk.core.asked if one[0] == "search"]
    assert arguments[0].vector is None
    assert arguments[0].text == "cat"


def test_a_search_may_wait_until_all_is_in(desk: Desk) -> None:
    desk.ask("search", query="cat", sync=True, timeout_s=7)
    assert desk.core.asked[0] == ("sync", (7.0,))


def test_like_needs_a_picture_that_is_there(desk: Desk) -> None:
    assert desk.refusal("search", like="/p/a.png") == ("not_found", "/p/a.png does not exist")
    code, text = desk.refusal("search", query="like:#7")
    assert code == "not_found"
    assert "imgqctl why" in text


def test_sync_says_up_to_when_or_why_not(desk: Desk) -> None:
    assert desk.ask("sync", timeout_s=5) == {"as_of": 99.0, "pending": 0}
    desk.prepare = lambda core: setattr(core, "fails", NotInSync("3 files are still pending"))
    assert desk.refusal("sync") == ("unavailable", "3 files are still pending")


def test_a_path_is_taken_as_bytes_and_its_folder_resolved(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "real/b.png").symlink_to("elsewhere")
    for given, expected in (
        (str(tmp_path / "link/a.png"), tmp_path / "real/a.png"),
        (str(tmp_path / "real/../link//a.png"), tmp_path / "real/a.png"),
        (str(tmp_path / "link/b.png"), tmp_path / "real/b.png"),  # the last name as it is
    ):
        desk.ask("why", path=given)
        assert desk.core.asked == [("why", (bytes(expected),))]
    answer = desk.ask("why", path=b"/p/\xff.png")
    assert answer["path"] == b"/p/\xff.png"
    assert desk.ask("why", path="/")["path"] == "/"


@pytest.mark.parametrize("path", [None, "", b"", "a\0b", 5, ["/a"], "relative"])
def test_what_is_no_path_is_refused_by_every_method_that_takes_one(desk: Desk, path: Any) -> None:
    for method in ("why", "roots.add", "roots.remove", "rescan"):
        assert desk.refusal(method, path=path)[0] == "usage"


def test_a_folder_is_added_only_if_it_is_one(desk: Desk, tmp_path: Path) -> None:
    assert desk.ask("roots.add", path=str(tmp_path)) == {"roots": STATUS["roots"]}
    assert desk.core.asked == [("add_root", (bytes(tmp_path),))]
    code, text = desk.refusal("roots.add", path=str(tmp_path / "never"))
    assert (code, "is not a folder" in text) == ("not_found", True)


def test_a_folder_is_removed_under_any_name_that_leads_to_it(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    desk.ask("roots.remove", path=str(tmp_path / "link"))
    assert desk.core.asked == [("remove_root", (bytes(tmp_path / "real"),))]
    desk.prepare = lambda core: core.results.update(remove_root=False)
    assert desk.refusal("roots.remove", path="/q")[0] == "not_found"


def test_a_mistake_in_the_settings_is_the_persons_to_mend(desk: Desk, tmp_path: Path) -> None:
    desk.prepare = lambda core: setattr(core, "fails", SettingsError("config.toml: model: no"))
    assert desk.refusal("roots.add", path=str(tmp_path)) == ("usage", "config.toml: model: no")
    desk.prepare = lambda core: setattr(core, "fails", ValueError("fast, best"))
    assert desk.refusal("models.use", name="x") == ("usage", "allowed are fast, best")


@pytest.mark.parametrize("duration", [0, -1, "5", True, float("nan"), float("inf"), 1e20])
def test_a_pause_has_an_end_that_a_clock_can_show(desk: Desk, duration: Any) -> None:
    code, text = desk.refusal("pause", duration_s=duration)
    assert code == "usage"
    assert "duration_s is a number above 0" in text
    assert desk.core.asked == []


def test_pause_and_resume_reach_the_work(desk: Desk) -> None:
    assert desk.ask("pause") == {"state": "paused"}
    assert desk.core.asked == [("pause", (None,))]
    assert desk.ask("pause", duration_s=1.5) == {"state": "paused"}
    assert desk.core.asked == [("pause", (1.5,))]
    assert desk.ask("resume") == {"state": "idle"}


def test_a_rescan_is_of_all_folders_or_of_one_inside_them(desk: Desk) -> None:
    desk.ask("rescan")
    assert desk.core.asked == [("rescan", (None,))]
    desk.ask("rescan", path="/p/sub")
    assert desk.core.asked == [("rescan", (b"/p/sub",))]
    assert desk.refusal("rescan", path="/q")[0] == "not_found"


def test_a_download_that_fails_keeps_its_code_and_words(desk: Desk) -> None:
    for error, code in (
        (child.Refused("not_found", "no such model"), "not_found"),
        (child.Refused("made up", "no such model"), "unavailable"),
        (child.Died("it ended with SIGKILL"), "unavailable"),
    ):
        desk.prepare = lambda core, error=error: setattr(core, "fails", error)  # type: ignore[misc]
        assert desk.refusal("models.pull", name="fast")[0] == code


def test_models_are_listed_with_the_active_one(desk: Desk) -> None:
    listed = {"active": "demo", "available": ["demo", "fast"], "migrating": None}
    assert desk.ask("models.list") == listed
    assert desk.ask("models.use", name="best") == listed
    assert desk.core.asked == [("check", "best"), ("use_model", ("best",))]
    assert desk.refusal("models.use", name=3) == ("usage", "name is a text")


@pytest.mark.parametrize(("name", "code"), [("fats", "usage"), ("ViT-B-32/none", "not_found")])
def test_a_name_that_no_model_has_is_refused_before_anything_is_written(
    desk: Desk, name: str, code: str
) -> None:
    desk.prepare = lambda core: setattr(core, "unknown", "did you mean fast?")
    assert desk.refusal("models.use", name=name) == (code, "did you mean fast?")
    assert desk.core.asked == [("check", name)]


def test_a_model_is_imported_from_a_path_and_dropped_by_its_name(desk: Desk) -> None:
    desk.ask("models.import", path="/p/weights.safetensors", **{"as": "ViT-B-32/openai"})
    assert desk.core.asked == [("import", (b"/p/weights.safetensors", "ViT-B-32/openai"))]
    assert desk.refusal("models.import", path="weights.safetensors")[0] == "usage"
    desk.ask("models.drop", name="fast")
    assert desk.core.asked == [("drop", ("fast",))]
    for error, code in ((InUse("it answers"), "unavailable"), (UnknownName("no"), "not_found")):
        desk.prepare = lambda core, error=error: setattr(core, "fails", error)  # type: ignore[misc]
        assert desk.refusal("models.drop", name="demo") == (code, str(error))


def test_shutdown_asks_the_daemon_to_stop(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FAREWELL", 0)
    assert desk.ask("shutdown") == {}
    assert desk.core.stop_requested.is_set()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            Metadata(taken="2023-07-14T18:20:05", taken_offset=3600, taken_from="xmp"),
            (1689355205.0, 3600, "xmp"),
        ),
        (Metadata(taken="2023-07-14T18:20:05", taken_from="exif"), (None, None, "exif")),
        (Metadata(), (1.5, None, "file")),
    ],
)
def test_the_time_of_a_photograph_says_where_it_is_from(
    said: Metadata, expected: tuple[float | None, int | None, str]
) -> None:
    row = result(Hit((found(b"/p/a.png")._replace(metadata=said),), 0.3, 0.9, "content"))
    at, offset, source = expected
    if at is None:  # by the clock of the machine that runs this
        at = datetime.fromisoformat("2023-07-14T18:20:05").timestamp()
    assert (row["taken_at"], row["taken_offset"], row["taken_from"]) == (at, offset, source)


@pytest.mark.parametrize(
    ("store", "asked", "expected"),
    [
        (StoreSettings(), True, False),  # there is no store: said in `degraded`
        (StoreSettings(everywhere=True), None, None),
        (StoreSettings(url="http://nas"), None, None),
        (StoreSettings(url="http://nas", everywhere=True), False, None),
        # The desk's own has no store to ask, whatever its settings are.
        (StoreSettings(url="http://nas", everywhere=True), None, False),
    ],
)
def test_the_settings_say_whether_all_machines_are_asked_where_a_search_does_not(
    desk: Desk, store: StoreSettings, asked: object, expected: object
) -> None:
    def prepare(core: FakeCore) -> None:
        core.settings = replace(core.settings, store=store)

    desk.prepare = prepare
    answer = desk.ask("search", query="cat", everywhere=asked)
    assert answer["everywhere"] is expected
    missing = [one for one in answer["degraded"] if "no store is set" in one]
    assert len(missing) == (expected is False)


def test_everywhere_is_yes_no_or_nil(desk: Desk) -> None:
    assert desk.refusal("search", query="cat", everywhere="all")[0] == "usage"


@pytest.mark.parametrize("method", ["backfill", "verify", "detach", "switch"])
def test_without_a_store_its_methods_say_where_one_is_named(desk: Desk, method: str) -> None:
    code, text = desk.refusal(f"store.{method}")
    assert code == "unavailable"
    assert "[store]" in text


def test_no_machine_of_an_impossible_name_is_forgotten(desk: Desk) -> None:
    for name in ("", "a b", 'x" or key != "', "-x"):
        assert desk.refusal("store.forget", machine=name)[0] == "usage"
