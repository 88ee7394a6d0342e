"""Run every benchmark that needs no GPU, one after the other, and make the page anew.

`python benchmarks/run.py [--quick] [--into FOLDER] [NAME ...]`; `make bench` is this one.
One that fails is told at the end, and the others are run all the same; its last
result is kept.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import report
from measure import RESULTS, ROOT

_HERE: Final = Path(__file__).resolve().parent

_ALL: Final[dict[str, tuple[str, str]]] = {
    "idle": ("", "--seconds 20 --count 200"),
    "start": ("", "--rounds 10 --count 300"),
    "freshness": ("", "--files 10000 --saves 5"),
    "changes": ("", "--saves 3 --colds 1 --renamed 1000 --files 5000"),
    "queries": ("", "--quick"),
    "pressure": ("", "--rounds 1 --asked 40 --pictures 60 --large 4"),
    "embedding": ("", "--quick"),
    "rivals": ("", "--count 16 --rounds 1 --asks 3 --library 10000"),
    "decoding": ("", "--rounds 1"),
    "photographs": ("", "--rounds 1"),
    "library": ("", "--count 1000"),
    "filters": ("", "--pictures 20000"),
    "matches": ("", "--seeds 1 --queries 12"),
    "duplicates": ("", "--drawings 8"),
    "window": ("", "--rounds 1 --count 100"),
    "scale": ("", "--smallest 20000"),
    "codes": ("", "--pictures 60000"),
    "rows": ("", "--count 100000 --rounds 2"),
    "cluster": ("", "--batches 4"),
    "crowd": ("", "--rounds 1 --connections 60"),
}
"""Name -> its options, and those of a quick run. Not here: what needs a GPU (`gpu`)
or a server (`shared_store`: `make bench-stores`)."""


def main() -> int:
    """Run them, and return 1 where one failed."""
    parser = argparse.ArgumentParser(description="run all benchmarks that need no GPU")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="only these of: " + ", ".join(_ALL)
    )
    parser.add_argument(
        "--quick", action="store_true", help="small: shows that each runs; its figures mean little"
    )
    parser.add_argument(
        "--into", type=Path, metavar="FOLDER", default=RESULTS, help="where the results are kept"
    )
    told = parser.parse_args()
    unknown = [name for name in told.names if name not in _ALL]
    if unknown:
        parser.error(f"{', '.join(unknown)}: no such benchmark: see --help")
    names = told.names or [name for name in _ALL if (_HERE / f"{name}.py").exists()]
    told.into.mkdir(parents=True, exist_ok=True)
    failed = [name for name in names if not _run(name, told.into, is_quick=told.quick)]
    report.main(told.into)
    for name in failed:
        print(f"failed: {name} (see above; its last result is kept)", file=sys.stderr)
    return 1 if failed else 0


def _run(name: str, folder: Path, *, is_quick: bool) -> bool:
    options = _ALL[name][is_quick].split()
    kept = folder / f"{name}.json"
    command = [sys.executable, str(_HERE / f"{name}.py"), *options, "--json", str(kept)]
    print(f"\n==> {name} {' '.join(options)}", flush=True)
    began = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, check=False)
    print(
        f"<== {name}: {time.monotonic() - began:.0f} s, exit status {done.returncode}", flush=True
    )
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
