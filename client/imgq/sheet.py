"""`imgq --sheet`: the results as one HTML file that holds all it shows and asks nobody for more."""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from imgq.answers import Match, SearchAnswer
from imgq.calls import thumbnail
from imgq.errors import ImgqError, Refused
from imgq.paths import absolute, cache_folder, file_uri
from imgq.searching import Searcher
from imgq.text import counted, readable, readable_path

_STYLE: Final = """
:root { color-scheme: light dark; font: 15px/1.4 system-ui, sans-serif; }
body { margin: 1.5rem; background: Canvas; color: CanvasText; }
h1 { font-size: 1.3rem; margin: 0; overflow-wrap: anywhere; }
p, h2 { margin: .2rem 0 1rem; opacity: .7; font-size: .9rem; font-weight: normal; }
h2 { border-top: 1px solid; padding-top: .6rem; margin-top: 1.6rem; }
main { display: grid; gap: .8rem; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); }
a { display: block; padding: .5rem; border-radius: .5rem; color: inherit; text-decoration: none;
    background: color-mix(in srgb, CanvasText 6%, Canvas); min-width: 0; }
a:focus { outline: 3px solid Highlight; }
a > span { display: flex; height: 11rem; align-items: center; justify-content: center; }
img { max-width: 100%; max-height: 100%; border-radius: .25rem; }
b, small { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
b { font-weight: 600; margin-top: .4rem; }
small { opacity: .7; }
"""

_SCRIPT: Final = """
const all = [...document.querySelectorAll("a")];
const middle = (one) => { const box = one.getBoundingClientRect(); return box.x + box.width / 2; };
const beside = (now, step) => {
  const top = (one) => Math.round(one.getBoundingClientRect().top);
  const tops = [...new Set(all.map(top))].sort((a, b) => a - b);
  const row = tops[tops.indexOf(top(now)) + step];
  const near = all.filter((one) => top(one) === row);
  const far = (one) => Math.abs(middle(one) - middle(now));
  return near.sort((a, b) => far(a) - far(b))[0];
};
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const at = all.indexOf(document.activeElement), now = all[at];
  const next = { ArrowRight: () => all[at + 1], ArrowLeft: () => all[at - 1],
    ArrowDown: () => now ? beside(now, 1) : all[0], ArrowUp: () => now && beside(now, -1),
    Home: () => all[0], End: () => all[all.length - 1] }[event.key];
  if (!next) return;
  event.preventDefault();
  next()?.focus();
});
all[0]?.focus();
"""


def write(
    searcher: Searcher, query: str, answer: SearchAnswer, output: str | None, *, weak: bool
) -> bytes:
    """Write the sheet of an answer and return its path: `output`, or a file in our cache folder.

    Raises ImgqError where it cannot be written.
    """
    folder = os.fsencode(cache_folder())
    target = os.path.join(folder, b"sheet.html") if output is None else absolute(output)
    page = "".join(_page(searcher, query, answer, weak=weak)).encode()
    try:
        if output is None:
            os.makedirs(folder, mode=0o700, exist_ok=True)
        number, name = tempfile.mkstemp(b".html", b".imgq-", os.path.dirname(target))
        try:
            with open(number, "wb") as file:
                file.write(page)
            os.replace(name, target)
        except BaseException:
            os.unlink(name)  # nothing half written stays, on a full disk or after Ctrl-C
            raise
    except OSError as error:
        words = error.strerror or str(error)
        raise ImgqError(f"{readable_path(target)} cannot be written: {words}") from error
    return target


def _page(searcher: Searcher, query: str, answer: SearchAnswer, *, weak: bool) -> Iterator[str]:
    title = escape(readable(query) or "like a picture")
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_digest(_STYLE)}'; "
        f"script-src '{_digest(_SCRIPT)}'; base-uri 'none'; form-action 'none'"
    )
    yield (
        '<!DOCTYPE html>\n<html lang="en">\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="referrer" content="no-referrer">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{title} - imgq</title>\n<style>{_STYLE}</style>\n<h1>{title}</h1>\n"
        f"<p>{counted(len(answer.strong), 'picture')}. Arrows move, Enter opens.</p>\n"
    )
    yield from _grid(searcher, answer.strong)
    if weak and answer.weak:
        yield "<h2>Weaker matches</h2>\n"
        yield from _grid(searcher, answer.weak)
    yield f"<script>{_SCRIPT}</script>\n</html>\n"


def _grid(searcher: Searcher, matches: Sequence[Match]) -> Iterator[str]:
    yield "<main>\n"
    for match in matches:
        home = os.fsencode(os.path.expanduser("~")) if match.machine is None else b""
        shown = readable_path(match.place, home)
        folder, _, name = shown.rpartition("/")
        percent = "" if match.relevance is None else f"{match.relevance:.0%} · "
        yield (
            f'<a{_link(match)} title="{escape(shown)}">'
            f"<span>{_image(searcher, match)}</span><b>{escape(name)}</b>"
            f"<small>{percent}{escape(folder)}</small></a>\n"
        )
    yield "</main>\n"


def _link(match: Match) -> str:
    return f' href="{escape(file_uri(match.path))}"' if match.reachable else ""


def _image(searcher: Searcher, match: Match) -> str:
    if match.machine is not None:
        return f"on {escape(readable(match.machine))}"
    try:
        with open(searcher.ask(thumbnail(match.path, size=256)), "rb") as file:
            data = base64.b64encode(file.read()).decode()
    except (Refused, OSError):
        return "no preview"
    return f'<img alt="" src="data:image/png;base64,{data}">'


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
