"""From the daemon's status to one line that tells how far it is. Pure functions."""

from __future__ import annotations

from imgq.durations import spoken
from imgq.model_reports import Migrating
from imgq.reports import Download, Status
from imgq.store_reports import Store
from imgq.terminal import synced
from imgq.text import clip, counted, grouped, readable, width

_LONGEST_BAR = 40
_SHORTEST_BAR = 8
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def progress(status: Status, columns: int) -> str:
    """Return how far the daemon is, in one line of at most `columns`."""
    if status.download is not None:
        return download_progress(status.download, columns)
    if status.migrating is not None and not status.pending:
        return move_progress(status.migrating, columns)
    if not status.pending:
        now = f"{counted(status.pictures, 'picture')}, {synced(status.as_of)}"
        return clip(f"{status.state}  {now}", columns)
    total = max(status.files, status.pending)
    done = total - status.pending
    words = [f"{done * 100 // total}%", f"{grouped(done)} of {grouped(total)}"]
    # A rate that the daemon has not measured yet is not made up.
    if status.rate and status.remaining is not None:
        words += [f"{speed(status.rate)}/s", f"{spoken(status.remaining)} left"]
    return _with_bar(status.state, done / total, "  ".join(words), columns)


def download_progress(download: Download, columns: int) -> str:
    """Return how far a download is, in one line of at most `columns`."""
    name = readable(download.file.rpartition("/")[2])
    if download.total <= 0:
        return clip(f"{name}  {size(download.done)}", columns)
    share = min(1.0, download.done / download.total)
    words = f"{int(share * 100)}%  {size(download.done)} of {size(download.total)}"
    return _with_bar(clip(name, max(columns // 3, 12)), share, words, columns)


def move_progress(moving: Migrating, columns: int) -> str:
    """Return how far a move to another model is, in one line of at most `columns`."""
    label = f"moving to {readable(moving.after)}"
    if moving.waits:
        return clip(f"{label}  waits: {readable(moving.waits)}", columns)
    share = min(1.0, moving.done / moving.total) if moving.total else 1.0
    words = [f"{int(share * 100)}%", f"{grouped(moving.done)} of {grouped(moving.total)}"]
    if moving.remaining is not None:
        words.append(f"{spoken(moving.remaining)} left")
    return _with_bar(label, share, "  ".join(words), columns)


def store_progress(store: Store, columns: int) -> str:
    """Return how far a store is told, or compared, in one line of at most `columns`."""
    done, total = store.filling or (0, 0)
    label = "telling the store"
    if store.work is not None:
        _, done, total = store.work
        label = "comparing"
    share = min(1.0, done / total) if total else 0.0
    words = f"{int(share * 100)}%  {grouped(done)} of {grouped(total)}"
    return _with_bar(label, share, words, columns)


def size(count: float) -> str:
    """Return a number of bytes for people."""
    power = 0
    while count >= 1024 and power < len(_UNITS) - 1:
        count /= 1024
        power += 1
    return (
        f"{count:.1f} {_UNITS[power]}" if power and count < 10 else f"{count:.0f} {_UNITS[power]}"
    )


def speed(rate: float) -> str:
    """Return a number of pictures a second for people."""
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}" if rate >= 0.1 else f"{rate:.2f}"


def _with_bar(label: str, share: float, words: str, columns: int) -> str:
    room = min(columns - width(label) - width(words) - 4, _LONGEST_BAR)
    if room < _SHORTEST_BAR:
        whole = f"{label}  {words}"
        return clip(whole if width(whole) <= columns else words, columns)
    full = int(room * share)
    return f"{label}  {'━' * full}{'─' * (room - full)}  {words}"
