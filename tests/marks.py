"""Which modules can have a test of the marks that are asked for: told by their text."""

from __future__ import annotations

import ast
import itertools
import re

_ASSIGNED = re.compile(r"^pytestmark[ =].*(?:\n(?:[ \t)\]}].*)?)*", re.MULTILINE)
"""The assignment, with the lines that belong to it: indented, closing a bracket, or empty."""


def can_match(asked: str, text: str) -> bool:
    """Tell whether a test of a module, by its text, can have marks that fulfil an expression."""
    some, all_ = set(re.findall(r"\bmark\.(\w+)", text)), _marks_of_all(text)
    names = sorted(set(re.findall(r"\w+", asked)) - {"and", "or", "not"})
    either = [name for name in names if name in some - all_]
    for chosen in itertools.product((False, True), repeat=len(either)):
        has = {name: name in all_ for name in names} | dict(zip(either, chosen, strict=True))
        try:
            if eval(asked, {"__builtins__": {}}, has):
                return True
        except (SyntaxError, TypeError):
            return True  # pytest knows more than plain words, and decides itself
    return False


def _marks_of_all(text: str) -> set[str]:
    """Return the marks that a module gives to all of its tests.

    That statement alone is parsed: to parse every module, in every process that collects, takes
    a second of each.
    """
    return {
        name
        for found in _ASSIGNED.finditer(text)
        for statement in ast.parse(found[0]).body
        if isinstance(statement, ast.Assign)
        for name in re.findall(r"\bmark\.(\w+)", ast.unparse(statement.value))
    }
