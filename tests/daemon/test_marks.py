"""A module is passed over only where none of its tests can be meant."""

from __future__ import annotations

import pytest

from marks import can_match

UNIT = "not system and not model and not faults"
WHOLE = "import pytest\npytestmark = [pytest.mark.system, pytest.mark.skipif(False, reason='')]\n"
ONE = "@pytest.mark.system\ndef test_one(): ...\ndef test_two(): ...\n"
BOTH = f"{WHOLE}@pytest.mark.model\ndef test_one(): ...\n"

LINES = f"pytestmark = [\n    pytest.mark.system,\n\n    pytest.mark.model,\n]\n{ONE}"


@pytest.mark.parametrize(
    ("text", "asked", "is_read"),
    [
        ("def test_one(): ...", UNIT, True),
        ("def test_one(): ...", "system and not model", False),
        (WHOLE, UNIT, False),
        (WHOLE, "system and not model and not faults", True),
        (WHOLE, "model and not faults", False),
        (ONE, UNIT, True),
        (ONE, "system", True),
        (ONE, "model", False),
        (BOTH, "model and not faults", True),
        (BOTH, "system and not model and not faults", True),
        (BOTH, UNIT, False),
        (LINES, "model and not faults", True),
        (LINES, "system and not model", False),
        ("pytestmark = pytest.mark.model\n", "system", False),
        ("def test_one(): ...", "timeout(method='x')", True),
    ],
)
def test_a_module_is_read_if_a_test_of_it_can_be_meant(
    text: str, asked: str, *, is_read: bool
) -> None:
    assert can_match(asked, text) is is_read
