"""Run a command beside the real server, whose address it finds in IMGQ_TEST_MILVUS.

`python tests/stores/alone.py python tests/stores/beside_server.py COMMAND…`
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from stores.grounds import SERVER
from stores.milvus_server import Server, unpacked


def main() -> int:
    """Start the server, run the command, and stop the server, whatever comes of it."""
    with TemporaryDirectory(prefix="imgq-server-") as folder:
        server = Server(unpacked(Path(sys.prefix) / "milvus-server"), Path(folder) / "server")
        try:
            server.start()
            # What the command leaves in its temporary folder goes with the server's.
            there = os.environ | {SERVER: server.uri, "TMPDIR": folder}
            return subprocess.run(sys.argv[1:], env=there, check=False).returncode
        finally:
            server.stop()


if __name__ == "__main__":
    sys.exit(main())
