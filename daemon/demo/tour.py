"""`make demo`: imgq from an empty folder to found pictures, in places of its own.

Draws a sample folder, starts a daemon with the demo model, searches, changes
the folder under the daemon's eyes, and shows what the answers make of it.
Nothing stays behind.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from demo.sample import draw, sample_folder

BIN = Path(sys.executable).parent
COUNT = 200
SEED = 7


class Tour:
    """The demonstration's places, its daemon, and what was drawn into which file."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.pictures = base / "Pictures"
        self.drawn: dict[str, str] = {}
        (base / "run").mkdir(mode=0o700)
        self.environment = {
            **os.environ,
            "XDG_CONFIG_HOME": str(base / "config"),
            "XDG_DATA_HOME": str(base / "data"),
            "XDG_CACHE_HOME": str(base / "cache"),
            "XDG_RUNTIME_DIR": str(base / "run"),
        }
        for name in ("IMGQ_SOCKET", "DBUS_SESSION_BUS_ADDRESS"):
            self.environment.pop(name, None)

    def draw(self) -> None:
        """Fill the folder; a file's name must not say what the picture shows."""
        say(f"Drawing {COUNT} pictures into a folder: no name says what is in them.")
        for number, drawing in enumerate(sample_folder(self.pictures, COUNT, SEED), start=1):
            [path] = self.pictures.rglob(f"{drawing.name}.*")
            neutral = path.with_name(f"IMG_{number:04d}{path.suffix}")
            path.rename(neutral)
            self.drawn[neutral.name] = drawing.caption
        folder = self.base / "config" / "imgq"
        folder.mkdir(parents=True)
        settings = f'folders = ["{self.pictures}"]\n[model]\nname = "demo"\n'
        (folder / "config.toml").write_text(settings, encoding="utf-8")

    def run(self, *command: str) -> str:
        """Show a command, run it, and return what it printed."""
        print(f"\n  $ {' '.join(_quoted(word) for word in command)}", flush=True)
        done = subprocess.run(  # noqa: S603 - our own programs
            [BIN / command[0], *command[1:]],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        # 1 is an answer of `imgq` (nothing found), and of nobody else.
        if done.returncode > (command[0] == "imgq"):
            raise SystemExit(done.stderr or f"{command[0]} ended with {done.returncode}")
        return done.stdout

    def search(self, query: str) -> list[str]:
        """Search, show the best results with what was drawn there, and return their names."""
        lines = self.run("imgq", "--json", "-n", "5", query).splitlines()
        results: list[dict[str, Any]] = [json.loads(line) for line in lines]
        for result in results:
            path = Path(result["path"])
            place = path.relative_to(self.pictures)
            drawn = self.drawn[path.name]
            print(f"    {result['relevance']:4.0%}  {place!s:28} it shows: {drawn}")
        if not results:
            print("    nothing")
        return [Path(result["path"]).name for result in results]

    def embedded(self) -> int:
        """Return how many pictures the daemon has embedded since its start."""
        printed = subprocess.run(  # noqa: S603 - our own program
            [BIN / "imgqctl", "status", "--json"],
            env=self.environment,
            capture_output=True,
            check=True,
        ).stdout
        counters: dict[str, int] = json.loads(printed)["counters"]
        return counters["embedded"]


def say(text: str) -> None:
    """Print one step of the story."""
    print(f"\n== {text}", flush=True)


def expect(holds: bool, what: str) -> None:  # noqa: FBT001 - reads as the sentence it checks
    """End the tour with a word when it does not show what it says."""
    if not holds:
        raise SystemExit(f"the demonstration failed: {what}")


def main() -> None:
    """Give the tour."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="imgq-demo-") as folder:
        tour = Tour(Path(folder).resolve())
        tour.draw()
        with _daemon(tour):
            _index(tour)
            _find(tour)
            _change(tour)
    say(f"The daemon is stopped and its folder removed ({time.monotonic() - began:.0f} s).")


def _index(tour: Tour) -> None:
    say("The daemon looks through the folder. Progress, live:")
    print("\n  $ imgqctl status --follow", flush=True)
    follow = subprocess.Popen(  # noqa: S603 - our own program
        [BIN / "imgqctl", "status", "--follow"], env=tour.environment
    )
    subprocess.run(  # noqa: S603 - our own program
        [BIN / "imgqctl", "sync", "--timeout", "10min"],
        env=tour.environment,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    follow.send_signal(signal.SIGINT)
    follow.wait()
    print(tour.run("imgqctl", "status"), end="")


def _find(tour: Tour) -> None:
    say("Searching by what the pictures show.")
    for query in ("beach sunset", "a red car", "blue star"):
        found = tour.search(query)
        expect(bool(found), f"nothing was found for {query!r}")


def _change(tour: Tour) -> None:
    before = tour.embedded()
    say("A new picture comes in, and is found.")
    draw("rainbow", 99, (400, 300)).save(tour.pictures / "travel" / "DSC_0001.jpg", quality=90)
    tour.drawn["DSC_0001.jpg"] = "rainbow"
    print("\n  $ cp ~/camera/DSC_0001.jpg Pictures/travel/")
    tour.run("imgqctl", "sync")
    expect("DSC_0001.jpg" in tour.search("rainbow"), "the new picture was not found")
    expect(tour.embedded() == before + 1, "more than the new picture was embedded")

    say("The folder is renamed: its pictures have their new place, and none is embedded again.")
    (tour.pictures / "travel").rename(tour.pictures / "holidays")
    print("\n  $ mv Pictures/travel Pictures/holidays")
    tour.run("imgqctl", "sync")
    tour.search("beach sunset")
    again = tour.embedded() - before - 1
    print(f"\n    pictures embedded for the rename: {again}")
    expect(again == 0, "a rename was embedded again")

    say("A picture is deleted, and is gone from the answers.")
    (tour.pictures / "holidays" / "DSC_0001.jpg").unlink()
    print("\n  $ rm Pictures/holidays/DSC_0001.jpg")
    tour.run("imgqctl", "sync")
    expect("DSC_0001.jpg" not in tour.search("rainbow"), "the deleted picture was found")


@contextlib.contextmanager
def _daemon(tour: Tour) -> Iterator[None]:
    tour.run("imgqctl", "start")
    try:
        yield
    finally:
        tour.run("imgqctl", "stop")


def _quoted(word: str) -> str:
    return f'"{word}"' if " " in word else word


if __name__ == "__main__":
    if shutil.which(BIN / "imgqd") is None:
        sys.exit("imgqd is not installed here: make demo does that first")
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
