"""How the process behind GNOME and KRunner is called on the session bus."""

from __future__ import annotations

from typing import Final

GNOME: Final = "org.imgq.GnomeSearch"
KRUNNER: Final = "org.imgq.KRunner"
PATH: Final = "/org/imgq/Launcher"
"""The object that both ask."""
