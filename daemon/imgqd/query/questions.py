"""The pieces of SQL that conditions are made of, with places for each other.

Where a picture's files are asked, only those on online roots count.
"""

from __future__ import annotations

from typing import Final

ONLINE: Final = "SELECT folder.id FROM folder JOIN root ON root.id = folder.root WHERE root.online"
FILES: Final = (
    # The + keeps SQLite from beginning with the folders: nearly all of them are online.
    f"image.id IN (SELECT file.image FROM file WHERE {{}} "  # noqa: S608 - constants of ours
    f"AND +file.folder IN ({ONLINE}))"
)
"""A condition on `file` holds for one of a picture's files."""

UNDATED: Final = f"(image.taken IS NULL AND {FILES})"
"""A condition on a file's time, which stands for that of a picture that has none of its own."""

TAKEN: Final = f"({{0}} OR {UNDATED.format('{1}')})"
"""Two conditions of the same span: on `image.taken`, and on the file's time in its stead."""

TAKEN_WIDE: Final = (
    # Asked of each picture without a time: a list of nearly all files would take longer. The +
    # keeps SQLite from asking for each folder instead.
    "({0} OR (+image.taken IS NULL AND EXISTS (SELECT 1 FROM file "  # noqa: S608 - as above
    f"WHERE file.image = image.id AND {{1}} AND +file.folder IN ({ONLINE}))))"
)
"""The same for spans that hold many pictures."""

NARROW: Final = 2 * 366 * 86400
"""Seconds of a span below which the indexes are quicker (a year of 25: 8 ms against 31)."""

FOLDERS: Final = (
    "image.id IN (SELECT file.image FROM file "  # noqa: S608 - as above
    f"WHERE file.folder IN ({ONLINE} AND folder.id IN ("
    "SELECT id FROM folder WHERE {0} UNION ALL "
    "SELECT id FROM folder WHERE {1} AND NOT EXISTS (SELECT 1 FROM folder WHERE {0}))))"
)
"""A condition on `folder`, and another one for where no folder meets the first."""

ITS_FOLDER: Final = (
    "file.folder IN (SELECT id FROM folder WHERE {0} UNION ALL "
    "SELECT id FROM folder WHERE {1} AND NOT EXISTS (SELECT 1 FROM folder WHERE {0}))"
)
ITS_TIME: Final = "({0} OR (image.taken IS NULL AND {1}))"
"""The same, asked of one row of `file` and its `image`."""

SAID: Final = (
    # The different values of a column, hopping through its index: few, among many rows.
    "image.{0} IN (WITH RECURSIVE said (word) AS (SELECT min({0}) FROM image UNION ALL "
    "SELECT (SELECT min({0}) FROM image WHERE {0} > said.word) FROM said "
    "WHERE said.word IS NOT NULL) SELECT word FROM said WHERE {1})"
)
"""A condition on `word` holds for what a picture's column says."""

SHAPES: Final = {
    "portrait": "image.height * 100 > image.width * 105",
    "landscape": "image.width * 100 > image.height * 105",
    "square": (
        "(image.width * 100 <= image.height * 105 AND image.height * 100 <= image.width * 105)"
    ),
    "panorama": "image.width >= image.height * 2",
}
KINDS: Final = {
    "screenshot": "image.screenshot",
    "animated": "image.frames > 1",
    "duplicate": (
        "(image.id IN (SELECT file.image FROM file "  # noqa: S608 - as above
        f"WHERE +file.folder IN ({ONLINE}) "
        "GROUP BY file.image HAVING count(*) > 1) OR image.id IN (SELECT near.image FROM near "
        "JOIN image AS one ON one.id = near.image JOIN image AS other ON other.id = near.other "
        # A RAW file and what was developed from it are no copies.
        "WHERE other.live AND (other.format = 'raw') = (one.format = 'raw')))"
    ),
}
KNOWN: Final = {
    "gps": "image.latitude IS NOT NULL",
    "date": "image.taken IS NOT NULL",
    "camera": "image.camera IS NOT NULL",
    "lens": "image.lens IS NOT NULL",
    "keyword": "image.id IN (SELECT keyword.image FROM keyword)",
    "rating": "(image.rating IS NOT NULL AND image.rating <> 0)",
    "title": "image.title IS NOT NULL",
    "description": "image.description IS NOT NULL",
}
