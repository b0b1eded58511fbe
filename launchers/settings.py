"""Where results go on this machine: environment (``INTERLITH_…``), then ``~/.interlith.yaml``, then defaults.

A method (an engine, a threshold, a thickness) never comes from here.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import SettingsConfigDict
from yaml import YAMLError

from interlith.structures.errors import RequestError
from interlith.workflows.engines.settings import FILE, EngineSettings


class Settings(EngineSettings):
    """What may differ from one machine to the next without any number changing; an unknown name is refused."""

    model_config = SettingsConfigDict(extra="forbid")

    workspace: Path = Field(default=Path("interlith-workspace"), description="store, states and run folders")
    workers: int | None = Field(default=None, ge=1, description="jobs side by side; None: by cores")


def settings_file() -> Path:
    """Return the person's settings file, whether it exists or not."""
    return Path.home() / FILE


def settings(workspace: Path | None = None, workers: int | None = None) -> Settings:
    """Return the settings, with what was given on the command line first.

    Raises
    ------
    RequestError
        If a setting is unknown or has a value it cannot have.
    """
    given = {"workspace": workspace, "workers": workers}
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        fault = error.errors()[0]
        name = ".".join(str(part) for part in fault["loc"])
        what = f"setting {name} = {fault['input']!r}: {fault['msg']}"
    except YAMLError as error:
        what = f"not YAML: {error}"
    raise RequestError(what, f"INTERLITH_… or {settings_file()}", f"known: {', '.join(Settings.model_fields)}")
