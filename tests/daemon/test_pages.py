"""What is let go of: pages of libraries that nobody has written to."""

from __future__ import annotations

import subprocess
import sys

import pytest

from imgqd import pages

SMAPS = """\
1000-2000 r-xp 00000000 fe:00 11 /lib/libone.so.6
Rss:                  64 kB
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd ex mr mw me
2000-3000 r--p 00001000 fe:00 11 /lib/libone.so.6
Anonymous:             4 kB
Swap:                  0 kB
3000-4000 r--p 00002000 fe:00 11 /lib/libone.so.6
Anonymous:             0 kB
Swap:                  8 kB
4000-5000 rw-p 00003000 fe:00 11 /lib/libone.so.6
Anonymous:             0 kB
Swap:                  0 kB
5000-6000 r--p 00000000 00:00 0
Anonymous:             0 kB
Swap:                  0 kB
6000-7000 r--p 00000000 fe:00 12 /data/vectors
Anonymous:             0 kB
Swap:                  0 kB
7000-8000 r--p 00000000 fe:00 13 /a b/two.cpython-311-x86_64-linux-gnu.so
Anonymous:             0 kB
Swap:                  0 kB
8000-9000 r--p 00000000 fe:00 13 /a b/two.so
Anonymous:             0 kB
"""


def test_only_what_nobody_has_written_to_is_let_go_of() -> None:
    found = [*pages.unchanged(SMAPS.splitlines())]
    assert found == [(0x1000, 0x2000), (0x7000, 0x8000)]


@pytest.mark.system
@pytest.mark.skipif(sys.platform != "linux", reason="it is Linux's")
def test_a_process_holds_less_of_its_libraries_and_works_on() -> None:
    code = (
        "import re, sys, sqlite3, numpy as np, faiss\n"
        "from imgqd import pages\n"
        "def held():\n"
        "    told = open('/proc/self/smaps_rollup').read()\n"
        "    rss, own = (int(re.search(rf'{name}: +(\\d+)', told)[1]) for name in "
        "('Rss', 'Anonymous'))\n"
        "    return rss - own\n"
        "def work():\n"
        "    index = faiss.IndexFlatIP(8)\n"
        "    index.add(np.eye(8, dtype=np.float32))\n"
        "    assert index.search(np.eye(8, dtype=np.float32), 1)[1][:, 0].tolist() == [*range(8)]\n"
        "    assert sqlite3.connect(':memory:').execute('SELECT 1').fetchone() == (1,)\n"
        "work()\n"
        "before = held()\n"
        "pages.let_go_of_libraries()\n"
        "after = held()\n"
        "work()\n"
        "import decimal, ssl\n"
        "print(before, after)\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after = map(int, told.stdout.split())
    assert after < 0.7 * before
