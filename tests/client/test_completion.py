"""What a Tab offers, asked of the program and of the real shells."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from client.fake_daemon import STATUS, FakeDaemon
from imgq import cli
from imgq.completion import KEYS, candidates
from imgqd.query import clauses, filters

BIN = Path(sys.executable).parent
Captured = pytest.CaptureFixture[bytes]


def offered(word: str, before: str = "imgq") -> list[str]:
    return candidates(before, word)


@pytest.fixture
def folders(daemon: FakeDaemon, tmp_path: Path) -> Path:
    top = tmp_path / "Pictures"
    for name in ("2023/Lisbon", "2023/Summer holidays", "2024", ".hidden"):
        (top / name).mkdir(parents=True)
    os.mkdir(os.fsencode(top) + b"/\xff")
    daemon.answers["roots.list"] = {"roots": [{**STATUS["roots"][0], "path": str(top)}]}
    return top


def test_the_keys_are_those_that_the_daemon_knows() -> None:
    own = {key for key in filters.KEYS if key not in filters._ALIASES}
    assert set(KEYS) == own | set(clauses.OPTIONS)
    assert set(KEYS["type"]) == set(filters.FORMATS)
    assert set(KEYS["ratio"]) == set(filters._SHAPES)
    assert set(KEYS["is"]) == {*filters._KINDS, *filters._SHAPES}
    assert set(KEYS["has"]) == set(filters._KNOWN)
    assert set(KEYS["sort"]) <= set(clauses._SORTS)


def test_keys_values_and_options_are_offered() -> None:
    assert offered("ty") == ["type:"]
    assert offered("type:j") == ["type:jpeg", "type:jpeg2000", "type:jxl"]
    assert offered("type:png|we") == ["type:png|webp"]
    assert offered("-ra") == ["-ratio:", "-rating:"]
    assert offered("--pre") == ["--preview"]
    assert offered("", "--like") == []
    assert offered("z", "--completion") == ["zsh"]


def test_folders_are_offered_by_name_and_by_path(folders: Path) -> None:
    assert offered("in:20") == ["in:2023", "in:2024"]
    assert offered("-in:Lis") == ["-in:Lisbon"]
    assert offered("in:2023/S") == ['in:"2023/Summer holidays"']
    assert offered('in:"Sum') == ['in:"Summer holidays"']
    assert offered(f"in:{folders}/2") == [f"in:{folders}/2023", f"in:{folders}/2024"]
    assert offered("in:.h") == []


@pytest.mark.usefixtures("socket_path")
def test_without_a_daemon_a_tab_offers_no_folders() -> None:
    assert offered("in:") == []


def test_an_unknown_shell_is_wrong_usage(capsysbinary: Captured) -> None:
    assert cli.main(["--completion", "tcsh"]) == 2
    assert b"bash, zsh, fish" in capsysbinary.readouterr().err


def shell(*command: str) -> str:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    done = subprocess.run(
        command,
        env=environment,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


BASH = """
source <(imgq --completion bash)
COMP_LINE=$1; COMP_POINT=${#1}; COMP_WORDS=($1); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
compopt() { :; }
_imgq; printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.usefixtures("folders")
def test_bash_completes() -> None:
    assert shell("bash", "-c", BASH, "bash", "imgq beach ty") == "type:\n"
    # What is before the colon stands already.
    assert shell("bash", "-c", BASH, "bash", "imgq type:we") == "webp\n"
    assert shell("bash", "-c", BASH, "bash", "imgq in:2023/S") == '\\"2023/Summer\\ holidays\\"\n'


@pytest.mark.usefixtures("folders")
def test_fish_completes() -> None:
    program = "imgq --completion fish | source; complete -C 'imgq beach in:20'"
    assert shell("fish", "--no-config", "-c", program).split() == ["in:2023", "in:2024"]


def test_zsh_accepts_its_part() -> None:
    program = (
        'autoload -U compinit; compinit -D -u; eval "$(imgq --completion zsh)"; whence -w _imgq'
    )
    assert shell("zsh", "-f", "-c", program) == "_imgq: function\n"
