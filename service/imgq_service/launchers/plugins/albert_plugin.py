"""Pictures by what they show, for Albert (Python interface 5.0)."""

import json
import os
import subprocess
from pathlib import Path

from albert import Action, GeneratorQueryHandler, Icon, PluginInstance, StandardItem

md_iid = "5.0"
md_version = "1.0"
md_name = "imgq"
md_description = "Find pictures by what they show"
md_license = "MIT"

COMMAND: "list[str]" = []
_DEADLINE_S = 6
_LOOK_S = 0.05
# What leads Albert's Python to its packages leads ours astray.
_ENVIRONMENT = {name: os.environ[name] for name in os.environ if not name.startswith("PYTHON")}
_MOVED = {"rows": [], "note": "imgq has moved: run `imgq-service launcher albert` again"}


class Plugin(PluginInstance, GeneratorQueryHandler):
    """Answers what is typed after `img `."""

    def __init__(self):
        """Be ready; nothing is started before the first question."""
        PluginInstance.__init__(self)
        GeneratorQueryHandler.__init__(self)

    def defaultTrigger(self):
        """Return what a line begins with."""
        return "img "

    def synopsis(self, _query):
        """Return a hint for the empty line."""
        return "what do the pictures show?"

    def items(self, context):
        """Yield the items of a line, unless a newer one came while it was asked for."""
        answer = _asked(context) if context.query.strip() else None
        if answer is not None:
            yield [_item(row) for row in answer["rows"]] + _noted(answer["note"])


def _asked(context):
    command = [*COMMAND, "imgq_service.launchers.jsonrows", context.query]
    try:
        asking = subprocess.Popen(command, stdout=subprocess.PIPE, env=_ENVIRONMENT)
    except OSError:
        return _MOVED
    for _ in range(int(_DEADLINE_S / _LOOK_S)):
        if not context.isValid:
            break
        try:
            said, _ = asking.communicate(timeout=_LOOK_S)
        except subprocess.TimeoutExpired:
            continue
        return json.loads(said) if asking.returncode == 0 else _MOVED
    asking.kill()
    asking.communicate()
    return None


def _item(row):
    def act(how):
        command = [*COMMAND, "imgq_service.launchers.acting", how, row["uri"]]
        return lambda: subprocess.Popen(command, env=_ENVIRONMENT)

    actions = [Action("open", "Open", act("open")), Action("show", "Show in folder", act("show"))]
    return StandardItem(
        id=row["uri"],
        text=row["title"],
        subtext=row["subtitle"],
        icon_factory=lambda: _icon(row["icon"]),
        actions=actions,
    )


def _icon(path):
    return Icon.image(Path(path)) if path else Icon.theme("image-x-generic")


def _noted(note):
    if not note:
        return []
    icon = lambda: Icon.theme("dialog-information")  # noqa: E731
    return [StandardItem(id="note", text=note, icon_factory=icon)]
