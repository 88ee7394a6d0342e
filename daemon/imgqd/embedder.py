"""The embedder process: answers the core's requests for vectors.

One program, two roles: `image` is started when there are pictures and ends
when there have been none for a while; `text` answers queries and is never
behind a batch of pictures. Each keeps only its own half of the model.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, Any

from imgqd import presets, serving, weights
from imgqd.serving import Fault

if TYPE_CHECKING:
    # At run time torch comes with the first model whose weights are there.
    from imgqd.towers import Towers


class Embedder:
    """Answers `load`, then `images` or `texts`."""

    def __init__(self) -> None:
        self._towers: Towers | None = None

    def load(self, params: dict[str, Any]) -> dict[str, Any]:
        """Load a model and return what it is and where it runs."""
        name = presets.resolve(params["name"])
        try:
            found = weights.find(name)
        except weights.MissingWeights as error:
            raise Fault("missing", str(error)) from error
        from imgqd.towers import Towers  # noqa: PLC0415 - see above

        towers = Towers()
        loaded = towers.load(name, found, params)
        self._towers = towers
        return loaded

    def stage(self, params: dict[str, Any]) -> None:
        """Begin to bring the `pixels` of a coming request to the device."""
        if self._towers is not None:
            self._towers.stage(params)

    def images(self, params: dict[str, Any]) -> dict[str, Any]:
        """Return the `vectors` of `pixels`, and the `batch` that there is memory for."""
        return self._need().images(params)

    def texts(self, params: dict[str, Any]) -> bytes:
        """Return the vectors of `texts`."""
        return self._need().texts(params)

    def _need(self) -> Towers:
        if self._towers is None:
            raise Fault("internal", "no model is loaded")
        return self._towers


def main() -> None:
    """Serve the core on the inherited socket whose number is the first argument."""
    logging.basicConfig(format="embedder: %(message)s")
    if sys.argv[2] == "image":
        os.nice(19)
    embedder = Embedder()
    serving.Line(int(sys.argv[1])).serve_ahead(
        {"load": embedder.load, "images": embedder.images, "texts": embedder.texts},
        {"images": embedder.stage},
    )


if __name__ == "__main__":
    main()
