"""docs/service.md and the README against the commands, the units and the settings that are."""

import re
from pathlib import Path

import pytest

from imgq import sizes
from imgq_service import cli, unit, wanted

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "service.md").read_text()


def table(heading: str) -> list[list[str]]:
    """Return the cells of the table's rows whose heading begins so."""
    rows = PAGE[PAGE.index(f"| {heading}") :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("| ").split(" | ")] for row in rows]


def test_the_exit_statuses_are_those_of_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    said = capsys.readouterr().out
    rows = table("exit status of `imgq-service`")
    assert len(rows) == 4
    for number, words in rows:
        assert f"  {number}  {words}\n" in said


def test_each_command_of_the_help_stands_on_the_page_and_in_order(
    capsys: pytest.CaptureFixture[str],
) -> None:
    cli.main(["--help"])
    helped = re.findall(r"^ {4}(\w+) +\w", capsys.readouterr().out, re.MULTILINE)
    first = PAGE.split("```")[1]
    shown = re.findall(r"^imgq-service (\w+)", first, re.MULTILINE)
    assert set(shown) == {"install", "status", "remove"}
    assert set(shown) <= set(helped)


@pytest.mark.parametrize("name", ["imgqd.service", "imgqd.socket"])
def test_what_the_page_says_of_a_unit_is_in_it(name: str) -> None:
    units = unit.texts(Path("/opt/bin/imgqd"), {}, "50%")
    lines = units[unit.folder() / name].splitlines()
    rows = table(f"in `{name}`")
    shown = [setting for row in rows for setting in re.findall(r"`([^`]+)`", row[0])]
    assert shown
    assert set(shown) <= set(lines)


def test_what_the_page_says_is_left_out_is() -> None:
    left_out = re.search(r"What is left out, and why: (.+?)\n\n", PAGE, re.DOTALL)
    assert left_out is not None
    for setting in re.findall(r"`(\w+)`", left_out[1]):
        assert f"\n{setting}=" not in "".join(unit.texts(Path("/x"), {}, "50%").values())


@pytest.mark.parametrize("page", ["README.md", "docs/service.md"])
def test_the_default_of_the_memory_is_the_documented_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    shown = re.search(r'^memory_high = "(.+?)"', (ROOT / page).read_text(), re.MULTILINE)
    assert shown is not None
    assert wanted.memory_high() == sizes.memory_bound(shown[1])


def test_every_variable_that_is_taken_along_is_named() -> None:
    for name in unit.INHERITED:
        assert f"`{name}`" in PAGE
