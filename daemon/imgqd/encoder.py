"""The light text encoder process: answers the core's requests for the vectors of texts.

It imports neither torch nor open_clip; what it needs was exported once. Where that is
missing it says so, and the core lets torch answer meanwhile.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

from imgqd import exports, pages, presets, serving, weights
from imgqd.serving import Fault

if TYPE_CHECKING:
    from imgqd.light import Light

log = logging.getLogger(__name__)


class Encoder:
    """Answers `load`, then `texts`."""

    def __init__(self) -> None:
        self._light: Light | None = None

    def load(self, params: dict[str, Any]) -> dict[str, Any]:
        """Load a model's text tower and return what the model is.

        Raises Fault: `missing` without weights, `unexported` where one can be made,
        `heavy` where none can, with the reason.
        """
        try:
            found = weights.find(presets.resolve(params["name"]))
        except weights.MissingWeights as error:
            raise Fault("missing", str(error)) from error
        try:
            folder, manifest = exports.find(found.key)
        except exports.Unexported as error:
            raise Fault("heavy" if error.final else "unexported", error.final) from error
        from imgqd.light import Light  # noqa: PLC0415 - only once there is something for it

        try:
            self._light = Light(folder, manifest, found.path)
            self._light.vector("warm up")
            pages.let_go_of_libraries()
        except Exception as error:
            # onnxruntime raises whatever its parts raise; torch may know better.
            log.warning("loading %s", folder, exc_info=True)
            raise Fault("heavy", f"it cannot be loaded: {error}"[:200]) from error
        assert manifest.model is not None
        return {**manifest.model, "precision": manifest.precision}

    def texts(self, params: dict[str, Any]) -> bytes:
        """Return the vectors, float32 of shape (n, dim), of `texts`."""
        if self._light is None:
            raise Fault("internal", "no model is loaded")
        return b"".join(self._light.vector(text).tobytes() for text in params["texts"])


def main() -> None:
    """Serve the core on the inherited socket whose number is the first argument."""
    logging.basicConfig(format="text encoder: %(message)s")
    encoder = Encoder()
    serving.Line(int(sys.argv[1])).serve({"load": encoder.load, "texts": encoder.texts})


if __name__ == "__main__":
    main()
