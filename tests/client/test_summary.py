from pathlib import Path

import pytest

from client.fake_daemon import MIGRATING, STATUS
from imgq.reports import Root, Status, Why
from imgq.screen import Screen
from imgq.summary import root_lines, status_lines, why_sentence

HERE = Screen(home=b"/home/ada")
GOLDEN = Path(__file__).with_name("golden")


@pytest.fixture(autouse=True)
def clock_without_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imgq.terminal.clock", lambda at: f"<{at:.0f}>")


def said(**changes: object) -> list[str]:
    return list(status_lines(Status.from_wire({**STATUS, **changes}), HERE))


def test_a_busy_daemon_is_summed_up() -> None:
    expected = (GOLDEN / "status.txt").read_text(encoding="utf-8").splitlines()
    assert said(degraded=["watching in part: too many folders"]) == expected


def test_what_is_not_the_case_is_not_mentioned() -> None:
    quiet = said(pending=0, failed={}, memory={}, embedder={}, model={})
    assert [line.split()[0] for line in quiet] == ["imgqd", "pictures", "folders", "/media/\\xff"]


def test_a_daemon_without_folders_says_what_to_do() -> None:
    assert "folders   none: `imgqctl add DIR` watches one" in said(roots=[])


def test_a_daemon_that_rests_says_why() -> None:
    first, *_ = said(state="paused", paused="paused until 16:07")
    assert first == "imgqd 0.1.0: paused until 16:07, in sync as of <1000>"


def test_one_process_needs_no_list() -> None:
    assert said(memory={"imgqd": 2048})[-1] == "memory    2.0 KiB"


def test_an_embedder_that_sleeps_says_so() -> None:
    assert "embedder  asleep" in said(embedder={"running": False, "device": None})


def test_a_cluster_says_how_many_help_and_what_they_do_or_why_they_do_not() -> None:
    row = {"scheduler": "tls://gpu:8786", "connected": True, "workers": 2, "batches": 3,
           "pictures": 4096, "detail": ""}  # fmt: skip
    busy = "cluster   gpu:8786, 2 workers, 3 batches under way, 4,096 pictures so far"
    assert busy in said(cluster=row)
    asleep = {**row, "connected": False, "workers": 0, "batches": 0}
    assert "cluster   gpu:8786, asleep, 4,096 pictures so far" in said(cluster=asleep)
    assert "cluster   gpu:8786, asleep" in said(cluster={**asleep, "pictures": 0})
    away = {**asleep, "detail": "gpu does not\nanswer"}
    assert "cluster   gpu:8786 is not used: gpu does not\\nanswer" in said(cluster=away)
    assert not [line for line in said(cluster=None) if line.startswith("cluster")]


def test_a_model_that_is_missing_says_why() -> None:
    model = {"name": "best", "state": "missing", "detail": "no network", "vectors": 0}
    assert "model     best missing, no network, 0 vectors" in said(model=model)


def test_words_that_torch_encodes_say_why_and_others_are_not_mentioned() -> None:
    model = {"name": "best", "state": "ready", "text": {"by": "torch", "why": "it is being\nmade"}}
    assert "words     encoded by torch: it is being\\nmade" in said(model=model)
    light = {**model, "text": {"by": "onnxruntime", "why": ""}}
    assert not [line for line in said(model=light) if line.startswith("words")]


@pytest.mark.parametrize(
    ("index", "line"),
    [
        ({"form": "exact", "unmerged": 0, "work": None}, None),
        (
            {"form": "exact", "unmerged": 0, "work": {"what": "coding", "done": 3, "total": 12}},
            "index     coding 25 %",
        ),
        ({"form": "compact", "unmerged": 3, "work": None}, None),
        ({"form": "inverted", "unmerged": 0, "work": None}, "index     inverted"),
        (
            {"form": "inverted", "unmerged": 1, "work": {"what": "novel", "done": 0, "total": 0}},
            "index     inverted, 1 change beside it, novel",
        ),
        ("novel", None),
    ],
)
def test_an_index_that_is_not_the_usual_one_says_so(index: object, line: str | None) -> None:
    lines = [one for one in said(model={"name": "fast", "index": index}) if "index " in one]
    assert lines == ([] if line is None else [line])


@pytest.mark.parametrize(
    ("root", "line"),
    [
        (Root(b"/p", "online", 1, "live"), "/p  1 file  watched live"),
        (Root(b"/p", "online", 2, "scan_only"), "/p  2 files  scanned now and then"),
        (Root(b"/p", "offline", 2, "live"), "/p  2 files  offline"),
        (Root(b"/home/ada", "online", 0, "novel"), "~  0 files  novel"),
    ],
)
def test_a_folder_is_a_line(root: Root, line: str) -> None:
    assert root_lines((root,), HERE) == [line]


def test_no_folders_are_no_lines() -> None:
    assert root_lines((), HERE) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "1 min 30 s left"),
        ({"remaining": None, "left_out": 3}, "3 left out"),
        ({"waits": "on battery"}, "waits: on battery"),
    ],
)
def test_a_move_to_another_model_is_told_in_words(changes: dict[str, object], words: str) -> None:
    model = {"name": "fast", "state": "ready", "migrating": {**MIGRATING, **changes}}
    assert (
        f"moving    250 of 1,000 pictures seen by best, {words}; fast answers until then"
        in said(model=model)
    )


@pytest.mark.parametrize(
    ("state", "reason", "detail", "sentence"),
    [
        ("searchable", "", "", "~/a.jpg is searchable"),
        ("pending", "", "", "~/a.jpg is waiting to be indexed"),
        (
            "excluded",
            "node_modules",
            "",
            "~/a.jpg is excluded by the settings: node_modules",
        ),
        ("failed", "corrupt", "", "~/a.jpg could not be read: corrupt"),
        ("failed", "corrupt", "a.jpg is cut\noff", r"a.jpg is cut\noff"),
        ("offline", "", "", "~/a.jpg is in a folder that is offline"),
        ("unwatched", "", "", "~/a.jpg is in no watched folder"),
        ("not_an_image", "", "", "~/a.jpg is not a picture"),
        ("missing", "", "", "~/a.jpg does not exist"),
        ("asleep", "", "", "~/a.jpg is asleep"),
    ],
)
def test_why_is_one_sentence(state: str, reason: str, detail: str, sentence: str) -> None:
    assert why_sentence(Why(b"/home/ada/a.jpg", state, reason, detail), HERE) == sentence
