"""Alfred's workflow as a property list: a script filter; Enter opens, Command and Enter shows.

Nobody documents the format: it is what Alfred 5 itself exports.
"""

from __future__ import annotations

import plistlib
from typing import Any, Final

_FILTER: Final = "6E6A2A2E-33F9-4B0B-8C1A-0B0D6B9A7C01"
_OPEN: Final = "6E6A2A2E-33F9-4B0B-8C1A-0B0D6B9A7C02"
_SHOW: Final = "6E6A2A2E-33F9-4B0B-8C1A-0B0D6B9A7C03"
_COMMAND_KEY: Final = 1048576
_ARGUMENTS: Final = 1
_BASH: Final = 0
_END_OTHER: Final = 2
"""Alfred's queue mode that ends the script of the key before: the newest line is what counts."""


def workflow(script: str, mark: str) -> str:
    """Return info.plist with a shell line that takes the words as its first argument."""
    asking = {
        "alfredfiltersresults": False,
        "argumenttype": 0,
        "escaping": 0,
        "keyword": "img",
        "queuedelaycustom": 1,
        "queuedelayimmediatelyinitially": True,
        "queuedelaymode": 1,
        "queuemode": _END_OTHER,
        "runningsubtext": "looking…",
        "script": script,
        "scriptargtype": _ARGUMENTS,
        "scriptfile": "",
        "subtext": "find pictures by what they show",
        "title": "imgq",
        "type": _BASH,
        "withspace": True,
    }
    content: dict[str, Any] = {
        "bundleid": "org.imgq.alfred",
        "name": "imgq",
        "description": "Find pictures by what they show",
        "createdby": "The imgq authors",
        "disabled": False,
        "objects": [
            _object(_FILTER, "input.scriptfilter", 3, asking),
            _object(_OPEN, "action.openfile", 3, {"openwith": "", "sourcefile": "{query}"}),
            _object(_SHOW, "action.revealfile", 1, {"path": "{query}"}),
        ],
        "connections": {_FILTER: [_way(_OPEN, 0, ""), _way(_SHOW, _COMMAND_KEY, "show in Finder")]},
        "uidata": {
            one: {"xpos": 30.0 + 300 * (one != _FILTER), "ypos": 30.0 + 150 * (one == _SHOW)}
            for one in (_FILTER, _OPEN, _SHOW)
        },
        "readme": mark,
    }
    text = plistlib.dumps(content).decode()
    head, line, rest = text.partition('<plist version="1.0">\n')
    return f"{head}<!-- {mark} -->\n{line}{rest}"


def _object(uid: str, kind: str, version: int, config: dict[str, Any]) -> dict[str, Any]:
    return {"uid": uid, "type": f"alfred.workflow.{kind}", "version": version, "config": config}


def _way(to: str, modifiers: int, text: str) -> dict[str, Any]:
    return {
        "destinationuid": to,
        "modifiers": modifiers,
        "modifiersubtext": text,
        "vitoclose": False,
    }
