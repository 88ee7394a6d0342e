"""Pictures by what they show, for Ulauncher (extension API 2)."""

import json
import os
import subprocess

from ulauncher.api.client.EventListener import EventListener
from ulauncher.api.client.Extension import Extension
from ulauncher.api.shared.action.DoNothingAction import DoNothingAction
from ulauncher.api.shared.action.ExtensionCustomAction import ExtensionCustomAction
from ulauncher.api.shared.action.RenderResultListAction import RenderResultListAction
from ulauncher.api.shared.event import ItemEnterEvent, KeywordQueryEvent
from ulauncher.api.shared.item.ExtensionResultItem import ExtensionResultItem

COMMAND: "list[str]" = []
_ICON = "imgq.svg"
_DEADLINE_S = 6
# Ulauncher leads its extensions to its own packages, which are none for our Python.
_ENVIRONMENT = {name: os.environ[name] for name in os.environ if not name.startswith("PYTHON")}


class Search(EventListener):
    """Answers what is typed after the keyword."""

    def on_event(self, event, extension):
        """Return the items of a line."""
        line = event.get_argument() or ""
        answer = _asked(line) if line.strip() else {"rows": [], "note": "what do they show?"}
        items = [_item(row) for row in answer["rows"]]
        if answer["note"]:
            nothing = DoNothingAction()
            items.append(ExtensionResultItem(name=answer["note"], icon=_ICON, on_enter=nothing))
        return RenderResultListAction(items)


class Choice(EventListener):
    """Opens what was chosen."""

    def on_event(self, event, extension):
        """Open a picture, or show it in its folder."""
        command = [*COMMAND, "imgq_service.launchers.acting", *event.get_data()]
        subprocess.Popen(command, env=_ENVIRONMENT)


def _asked(line):
    command = [*COMMAND, "imgq_service.launchers.jsonrows", line]
    try:
        said = subprocess.check_output(command, timeout=_DEADLINE_S, env=_ENVIRONMENT)
        return json.loads(said.decode())
    except subprocess.TimeoutExpired:
        return {"rows": [], "note": "imgq did not answer in time: type on"}
    except (OSError, ValueError, subprocess.CalledProcessError):
        return {"rows": [], "note": "imgq has moved: run `imgq-service launcher ulauncher` again"}


def _item(row):
    return ExtensionResultItem(
        # It takes a name with this in it for markup.
        name=row["title"].replace("<span", "< span"),
        description=row["subtitle"],
        icon=row["icon"] or _ICON,
        highlightable=False,
        on_enter=ExtensionCustomAction(["open", row["uri"]]),
        on_alt_enter=ExtensionCustomAction(["show", row["uri"]]),
    )


if __name__ == "__main__":
    extension = Extension()
    extension.subscribe(KeywordQueryEvent, Search())
    extension.subscribe(ItemEnterEvent, Choice())
    extension.run()
