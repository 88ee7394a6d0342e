"""Completion for bash, zsh and fish: each shell asks `imgq --complete BEFORE WORD` at every Tab.

The shells' own parts are short, and quote what they get by their own rules. The filters are
those of docs/search.md; a test holds them to the daemon's table.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from typing import Final

from imgq.calls import roots
from imgq.errors import ImgqError, Usage
from imgq.options import parser
from imgq.searching import Searcher

_PATIENCE_S: Final = 1.0
_LOOKED_AT: Final = 5000
"""Entries of folders that are looked at for one Tab."""

KEYS: Final[dict[str, tuple[str, ...]]] = {
    "in": (),
    "name": (),
    "type": ("jpeg", "png", "heif", "avif", "webp", "gif", "tiff", "bmp", "jpeg2000", "jxl",
             "ico", "ppm", "psd", "raw"),
    "taken": ("today", "yesterday", "none"),
    "added": ("today", "yesterday"),
    "after": (),
    "before": (),
    "camera": ("none",),
    "lens": ("none",),
    "w": (),
    "h": (),
    "mp": (),
    "size": (),
    "ratio": ("portrait", "landscape", "square", "panorama"),
    "near": ("none",),
    "rating": (">=1", ">=2", ">=3", ">=4", "5", "none"),
    "tag": ("none",),
    "is": ("screenshot", "animated", "duplicate", "favorite", "raw", "portrait", "landscape",
           "square", "panorama"),
    "has": ("gps", "date", "camera", "lens", "tag", "rating", "title", "description"),
    "like": (),
    "sort": ("relevance", "date", "name", "size"),
    "fold": ("yes", "no"),
}  # fmt: skip
"""Key -> the values that can be listed; `in` has the folders."""

_SHELLS: Final = {
    "bash": r"""
_imgq() {
    local cur prev answer
    if declare -F _get_comp_words_by_ref >/dev/null; then
        _get_comp_words_by_ref -n : cur prev
    else
        cur=${COMP_LINE:0:COMP_POINT}; cur=${cur##*[[:space:]]}; prev=${COMP_WORDS[COMP_CWORD-1]}
    fi
    local colon=
    [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]] && colon=${cur%"${cur##*:}"}
    COMPREPLY=()
    while IFS= read -r answer; do
        [[ $answer == *[:/] ]] && compopt -o nospace
        answer=${answer#"$colon"}
        [[ $answer == *[\ \"\'\\\;\&\(\)\|\>\<\*\?\$\`]* ]] && printf -v answer %q "$answer"
        COMPREPLY+=("$answer")
    done < <(imgq --complete "$prev" "$cur" 2>/dev/null)
}
complete -o default -F _imgq imgq
""",
    "zsh": r"""
#compdef imgq
_imgq() {
    local -a found open
    local each
    local before=${(Q)words[CURRENT-1]} word=${(Q)words[CURRENT]}
    for each in ${(f)"$(imgq --complete "$before" "$word" 2>/dev/null)"}; do
        if [[ $each == *[:/] ]]; then open+=("$each"); else found+=("$each"); fi
    done
    (( $#found + $#open )) || { _files; return }
    (( $#open )) && compadd -S '' -- $open
    (( $#found )) && compadd -- $found
}
compdef _imgq imgq
""",
    "fish": r"""
function __imgq_complete
    set -l before (commandline -opc)
    imgq --complete "$before[-1]" (commandline -ct | string unescape) 2>/dev/null
end
complete -c imgq -a '(__imgq_complete)'
""",
}


def run(asked: str, arguments: Sequence[str]) -> int:
    """Print a shell's part, or what a word may become, one a line."""
    if asked == "--completion":
        script = _SHELLS.get(arguments[0]) if len(arguments) == 1 else None
        if script is None:
            raise Usage(f"--completion takes one of {', '.join(_SHELLS)}")
        sys.stdout.write(script.removeprefix("\n"))
        return 0
    before, word = arguments[0] if len(arguments) > 1 else "", arguments[-1] if arguments else ""
    for one in candidates(before, word):
        sys.stdout.buffer.write(os.fsencode(one) + b"\n")
    return 0


def candidates(before: str, word: str) -> list[str]:
    """Return what a word may become after another; nothing where the shell knows files better."""
    actions = parser()._actions  # noqa: SLF001 - argparse has no other way
    options = [one for action in actions for one in action.option_strings]
    takes = [one for action in actions if action.nargs != 0 for one in action.option_strings]
    if before == "--completion":
        return [shell for shell in _SHELLS if shell.startswith(word)]
    if before in takes:
        return []
    sign = "-" if word.startswith("-") else ""
    bare = word.removeprefix(sign)
    key, colon, value = bare.partition(":")
    if not colon:
        found = [f"{sign}{one}:" for one in KEYS if one.startswith(bare)]
        return found + [one for one in options if one.startswith(word)] if bare or sign else found
    if key == "in":
        return [f"{sign}in:{one}" for one in _folders(value)]
    *done, last = value.split("|")
    kept = "".join(f"{one}|" for one in done)
    values = KEYS.get(key, ())
    return [f"{sign}{key}:{kept}{one}" for one in values if one.startswith(last)]


def _folders(value: str) -> list[str]:
    """Return the folders that a value of `in:` may become, quoted as the line wants them."""
    try:
        with Searcher(timeout=_PATIENCE_S) as searcher:
            tops = [os.fsdecode(root.path) for root in searcher.ask(roots())]
    except ImgqError:
        return []
    text = value.removeprefix('"')
    if text.startswith(("/", "~")):
        found = {path for top in tops for path in _paths(text, top)}
    else:
        found = {name for top in tops for name in _names(text, top)}
    # A line break cannot be told to a shell, one a line; nor does a search line hold one.
    sound = sorted(one for one in found if "\n" not in one and '"' not in one)
    return [f'"{one}"' if " " in one or value.startswith('"') else one for one in sound]


def _paths(text: str, top: str) -> Iterator[str]:
    """Yield the folders on the way to a root, the root, and those below it, as far as typed."""
    home = os.path.expanduser("~")
    typed = home + text[1:] if text.startswith("~/") or text == "~" else text

    def as_typed(path: str) -> str:
        return "~" + path[len(home) :] if text.startswith("~") else path

    if top.startswith(typed):
        yield as_typed(top)
    elif typed.startswith(top + "/"):
        yield from (
            as_typed(path) for path in _below(os.path.dirname(typed)) if path.startswith(typed)
        )


def _names(text: str, top: str) -> Iterator[str]:
    """Yield names of folders, with those above them as far as they are typed."""
    parent, slash, start = text.rpartition("/")
    if slash:
        places = [os.path.join(top, parent)]
        if os.path.basename(top) == parent.split("/")[0]:
            places.append(os.path.join(os.path.dirname(top), parent))
        names = [os.path.basename(path) for place in places for path in _below(place)]
        yield from (f"{parent}/{name}" for name in names if name.startswith(start))
        return
    children = _below(top)
    for path in (top, *children, *(deep for one in children for deep in _below(one))):
        if os.path.basename(path).startswith(text):
            yield os.path.basename(path)


def _below(folder: str) -> list[str]:
    found = []
    try:
        with os.scandir(folder) as entries:
            for _, entry in zip(range(_LOOKED_AT), entries, strict=False):
                if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
                    found.append(entry.path)
    except OSError:
        return []
    return found
