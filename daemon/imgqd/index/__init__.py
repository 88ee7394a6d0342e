"""The vectors, searched by FAISS; derived from the catalog. The only home of faiss.

`Index` answers, in one of two forms: `Exact` holds every vector in memory, `Stored`
codes of them, with the vectors on the disk. `build` makes the files of the second.
"""

from imgqd.index.allowed import Allowed, Ids
from imgqd.index.building import Source, Task, build
from imgqd.index.exact import Exact
from imgqd.index.index import Form, Index
from imgqd.index.rows import Half
from imgqd.index.snapshot import Head, Owner, discard
from imgqd.index.stored import Stored

__all__ = [
    "Allowed",
    "Exact",
    "Form",
    "Half",
    "Head",
    "Ids",
    "Index",
    "Owner",
    "Source",
    "Stored",
    "Task",
    "build",
    "discard",
]
