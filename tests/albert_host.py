"""A stand-in for Albert: `albert_host.py PLUGIN` loads a plug-in of the Python interface 5.0.

Lines of JSON come in (`["query", text]`, `["stale", text]`: one that a newer key has overtaken,
`["act", item, action]`), and the items go out as lines. Started in a Python without site-packages.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any


class PluginInstance:
    pass


class GeneratorQueryHandler:
    pass


class Action:
    def __init__(self, id: str, text: str, callable: Callable[[], Any]) -> None:  # noqa: A002
        self.id, self.text, self.callable = id, text, callable


class Icon:
    @staticmethod
    def image(path: object) -> str:
        return f"image:{path}"

    @staticmethod
    def theme(name: str) -> str:
        return f"theme:{name}"


class StandardItem:
    def __init__(
        self,
        *,
        id: str,  # noqa: A002 - Albert's name
        text: str,
        subtext: str = "",
        icon_factory: Callable[[], str],
        actions: list[Action] | None = None,
    ) -> None:
        self.id, self.text, self.subtext = id, text, subtext
        self.icon, self.actions = icon_factory(), actions or []


def answered(plugin: Any, kind: str, text: str) -> list[StandardItem]:
    context = SimpleNamespace(query=text, isValid=kind == "query")
    return [one for batch in plugin.items(context) for one in batch]


albert: Any = ModuleType("albert")
for known in (PluginInstance, GeneratorQueryHandler, Action, Icon, StandardItem):
    setattr(albert, known.__name__, known)
sys.modules["albert"] = albert

spec = importlib.util.spec_from_file_location("albert.python.imgq", sys.argv[1])
assert spec is not None
assert spec.loader is not None
module: Any = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
assert module.md_iid == "5.0"
loaded = module.Plugin()
items: list[StandardItem] = []
for line in sys.stdin:
    kind, *said = json.loads(line)
    if kind == "act":
        items[said[0]].actions[said[1]].callable().wait()
        items = []
    else:
        items = answered(loaded, kind, said[0])
    shown = [[one.id, one.text, one.subtext, one.icon] for one in items]
    sys.stdout.write(json.dumps(shown) + "\n")
    sys.stdout.flush()
