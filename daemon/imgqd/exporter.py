"""The exporter process: makes a model's light text encoder once, at the lowest priority.

It imports torch and open_clip, which the process that it makes room for does not.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

from imgqd import exports, presets, serving, weights
from imgqd.serving import Fault

log = logging.getLogger(__name__)


def export(params: dict[str, Any]) -> dict[str, Any]:
    """Make the light text encoder of a model, if it is not there.

    Returns `final`: why there can be none, "" where there is one now. Raises Fault where
    it did not come to an end this time.
    """
    try:
        found = weights.find(presets.resolve(params["name"]))
    except weights.MissingWeights as error:
        raise Fault("missing", str(error)) from error
    try:
        exports.find(found.key)
    except exports.Unexported as error:
        if error.final:
            return {"final": error.final}
    else:
        return {"final": ""}
    try:
        return {"final": _made(params["name"], found)}
    except OSError as error:
        raise Fault("failed", f"it cannot be stored: {error}") from error


def _made(name: str, found: weights.Weights) -> str:
    from imgqd import tracing  # noqa: PLC0415 - only once there is something to do

    with exports.making(found.key) as folder:
        try:
            tracing.export(presets.resolve(name), found, folder)
        except (Fault, OSError, MemoryError):
            raise
        except tracing.Untraceable as error:
            final = str(error)
        except Exception as error:
            # torch and onnx raise whatever their parts raise for towers they do not know.
            log.warning("exporting %s", name, exc_info=True)
            final = f"its text tower does not export: {error}".splitlines()[0][:200]
        else:
            return ""
        for path in folder.iterdir():
            path.unlink()
        exports.write(folder, exports.Manifest(found.key, final))
        return final


def main() -> None:
    """Serve the core on the inherited socket whose number is the first argument."""
    logging.basicConfig(format="exporter: %(message)s")
    os.nice(19)
    serving.Line(int(sys.argv[1])).serve({"export": export})


if __name__ == "__main__":
    main()
