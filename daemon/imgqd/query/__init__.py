"""The line that a person types: what it looks for, what it filters by, and in which order.

`parse` understands it, `sql.condition` turns its filters into a question to the catalog.
"""

from imgqd.query.parser import parse
from imgqd.query.records import Like, Part, ProblemAt, Query, Sort, Text, Understood

__all__ = ["Like", "Part", "ProblemAt", "Query", "Sort", "Text", "Understood", "parse"]
