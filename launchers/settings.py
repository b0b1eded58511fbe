"""Where results go on this machine: environment (``INTERLITH_…``), then ``~/.interlith.yaml``, then defaults.

A method (an engine, a threshold, a thickness) never comes from here.
"""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from interlith.workflows.engines.settings import PREFIX, EngineSettings, settings_of, unknown_setting


class Settings(EngineSettings):
    """What may differ from one machine to the next without any number changing; an unknown name is refused."""

    model_config = SettingsConfigDict(extra="forbid")

    workspace: Path = Field(default=Path("interlith-workspace"), description="store, states and run folders")
    workers: int | None = Field(default=None, ge=1, description="jobs side by side; None: by cores")


def settings(workspace: Path | None = None, workers: int | None = None) -> Settings:
    """Return the settings, with what was given on the command line first.

    Raises
    ------
    RequestError
        If a setting is unknown or has a value it cannot have, in the environment or in the file.
    """
    for name in (name for name in os.environ if name.startswith(PREFIX)):
        if name.removeprefix(PREFIX).lower() not in Settings.model_fields:
            raise unknown_setting(Settings, name, "environment")
    given = {"workspace": workspace, "workers": workers}
    return settings_of(Settings, **{name: value for name, value in given.items() if value is not None})
