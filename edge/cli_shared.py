"""What every verb of `endcap-store` shares: where the settings are, and where errors are said."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from edge.settings import Settings, read_settings
from protocols.errors import Nonsense

SettingsFile = Annotated[
    Path | None, typer.Option("--settings", help="TOML file; ENDCAP_* in the environment overrides it.")
]

say = Console(stderr=True)


def settings_of(path: Path | None) -> Settings:
    """The settings, or the end of the command with what is wrong about them."""
    try:
        return read_settings(path)
    except Nonsense as error:
        # A section's name in brackets would be taken for markup.
        say.print(f"Settings: {error.reason}", highlight=False, markup=False, soft_wrap=True)
        raise typer.Exit(2) from None
