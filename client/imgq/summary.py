"""What the daemon says about itself, as lines for people. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from imgq.durations import rough, spoken
from imgq.model_reports import Migrating
from imgq.progress import size, speed
from imgq.reports import Root, Status, Why
from imgq.screen import Screen
from imgq.store_reports import Store
from imgq.terminal import clock, synced, table
from imgq.text import counted, readable, readable_path

_LABEL = 10
_FAINT = "2"
_WARNING = "33"
_WATCH = {
    "live": "watched live",
    "partial": "watched in part, the rest is scanned",
    "scan_only": "scanned now and then",
}
_STORE = {
    "starting": "not told anything yet",
    "filling": "being told",
    "behind": "behind",
    "in_step": "in step",
    "away": "away",
    "refused": "refused",
    "other_model": "another model",
}
_WHY = {
    "searchable": "is searchable",
    "pending": "is waiting to be indexed",
    "excluded": "is excluded by the settings",
    "failed": "could not be read",
    "offline": "is in a folder that is offline",
    "unwatched": "is in no watched folder",
    "not_an_image": "is not a picture",
    "missing": "does not exist",
}


def status_lines(status: Status, screen: Screen) -> Iterator[str]:
    """Yield a summary of the daemon, a line for each thing that matters."""
    version = f" {readable(status.version)}" if status.version else ""
    state = readable(status.paused or status.state)
    yield f"imgqd{version}: {state}, {synced(status.as_of)}"
    for reason in status.degraded:
        yield _line("degraded", screen.paint(_WARNING, readable(reason)))
    pictures = counted(status.pictures, "picture")
    yield _line("pictures", f"{pictures} in {counted(status.files, 'file')}")
    if status.pending:
        yield _line("waiting", _waiting(status))
    if status.failed:
        yield _line("not read", _failures(status.failed))
    yield from _folders(status, screen)
    if status.model:
        yield _line("model", _model(status.model))
        if heavy := _heavy(status.model.get("text")):
            yield _line("words", heavy)
    if (index := _index(status.model.get("index"))) is not None:
        yield _line("index", index)
    if status.migrating is not None:
        yield _line("moving", moving_line(status.migrating))
    yield from _at_work(status)


def root_lines(roots: tuple[Root, ...], screen: Screen) -> list[str]:
    """Return the watched folders as a table."""
    if not roots:
        return []
    return table(
        [
            (
                readable_path(root.path, screen.home),
                counted(root.files, "file"),
                root.state if root.state != "online" else _WATCH.get(root.watch, root.watch),
            )
            for root in roots
        ]
    )


def moving_line(moving: Migrating) -> str:
    """Return how far a move is, in words."""
    words = f"{moving.done:,} of {counted(moving.total, 'picture')} seen by {moving.after}"
    if moving.left_out:
        words += f", {moving.left_out:,} left out"
    if moving.waits:
        words += f", waits: {moving.waits}"
    elif moving.remaining is not None:
        words += f", {spoken(moving.remaining)} left"
    return readable(f"{words}; {moving.before} answers until then")


def store_line(store: Store) -> str:
    """Return how a store is, in words."""
    words = [_STORE.get(store.state, readable(store.state))]
    if store.state == "filling" and store.filling is not None:
        done, total = store.filling
        words = [f"being told, {done:,} of {counted(total, 'picture')}"]
    if store.detail:
        words = [f"{words[0]}: {readable(store.detail)}"]
    if store.behind:
        words.append(f"{counted(store.behind, 'picture')} to tell")
    since, due = store.raw.get("since"), store.raw.get("next_try")
    if store.detail and isinstance(since, int | float) and since:
        words.append(f"since {clock(since)}")
    if isinstance(due, int | float):
        words.append(f"next try at {clock(due)}")
    if store.rows is not None:
        words.append(f"{counted(store.rows, 'picture')} of all machines")
    if store.unindexed:
        words.append(f"{store.unindexed:,} not in its index yet: searches may miss them")
    if store.waits_for:
        words.append(f"another model until {readable(', '.join(store.waits_for))} has it, too")
    return ", ".join(words)


def why_sentence(why: Why, screen: Screen) -> str:
    """Return one true sentence about a file: the daemon's, or ours where it has none."""
    if why.detail:
        return readable(why.detail)
    said = _WHY.get(why.state, f"is {why.state}")
    because = f": {readable(why.reason)}" if why.reason else ""
    return f"{readable_path(why.path, screen.home)} {said}{because}"


def _line(label: str, text: str) -> str:
    return f"{label:<{_LABEL}}{text}"


def _waiting(status: Status) -> str:
    files = counted(status.pending, "file")
    if status.remaining is None or not status.rate:
        return files
    return f"{files}, {rough(status.remaining)} at {speed(status.rate)} pictures/s"


def _failures(failed: Mapping[str, int]) -> str:
    worst_first = sorted(failed.items(), key=lambda item: (-item[1], item[0]))
    parts = ", ".join(f"{count:,} {readable(reason)}" for reason, count in worst_first)
    return f"{counted(sum(failed.values()), 'file')}: {parts}"


def _folders(status: Status, screen: Screen) -> Iterator[str]:
    if not status.roots:
        yield _line("folders", "none: `imgqctl add DIR` watches one")
    label = "folders"
    for line in root_lines(status.roots, screen):
        yield _line(label, line)
        label = ""


def _model(model: Mapping[str, object]) -> str:
    words = [f"{model.get('name', '?')} {model.get('state', '')}".rstrip()]
    if isinstance(detail := model.get("detail"), str) and detail:
        words.append(detail)
    if isinstance(vectors := model.get("vectors"), int):
        words.append(counted(vectors, "vector"))
    if isinstance(waiting := model.get("waiting"), int) and waiting:
        words.append(f"{waiting:,} to come")
    return readable(", ".join(words))


def _index(index: object) -> str | None:
    """Return what is unusual about the index, None where it is exact and nothing is done."""
    if not isinstance(index, Mapping):
        return None
    is_exact = index.get("form") in ("exact", "compact")
    words = [] if is_exact else [str(index.get("form"))]
    if isinstance(unmerged := index.get("unmerged"), int) and unmerged and not is_exact:
        words.append(f"{counted(unmerged, 'change')} beside it")
    if isinstance(work := index.get("work"), Mapping):
        done, total = work.get("done"), work.get("total")
        share = f" {100 * done // total} %" if isinstance(done, int) and total else ""
        words.append(f"{work.get('what')}{share}")
    return readable(", ".join(words)) if words else None


def _memory(memory: Mapping[str, int]) -> str:
    total = size(sum(memory.values()))
    if len(memory) == 1:
        return total
    largest_first = sorted(memory.items(), key=lambda item: (-item[1], item[0]))
    return f"{total}: " + ", ".join(f"{readable(name)} {size(n)}" for name, n in largest_first)


def _heavy(text: object) -> str:
    """Return why words take all of torch's memory, "" where they do not."""
    if not isinstance(text, Mapping) or text.get("by") != "torch":
        return ""
    return f"encoded by torch: {readable(str(text.get('why')))}"


def _at_work(status: Status) -> Iterator[str]:
    if status.store is not None:
        yield _line("store", f"{readable(status.store.host)}: {store_line(status.store)}")
    if status.embedder:
        yield _line("embedder", _embedder(status.embedder))
    if status.cluster:
        yield _line("cluster", _cluster(status.cluster))
    if status.memory:
        yield _line("memory", _memory(status.memory))


def _cluster(cluster: Mapping[str, object]) -> str:
    place = str(cluster.get("scheduler")).removeprefix("tls://")
    if cluster.get("detail"):
        return readable(f"{place} is not used: {cluster['detail']}")
    done = _so_far(cluster.get("pictures"))
    if not cluster.get("connected"):
        return readable(f"{place}, asleep{done}")
    workers, batches = (_number(cluster.get(name)) for name in ("workers", "batches"))
    under_way = f", {counted(batches, 'batch', 'batches')} under way" if batches else ""
    return readable(f"{place}, {counted(workers, 'worker')}{under_way}{done}")


def _so_far(pictures: object) -> str:
    number = _number(pictures)
    return f", {counted(number, 'picture')} so far" if number else ""


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _embedder(embedder: Mapping[str, object]) -> str:
    if not embedder.get("running"):
        return "asleep"
    known = (embedder.get("device"), embedder.get("precision"))  # `degraded` has its `detail`
    return readable(", ".join(["running", *(str(word) for word in known if word)]))
