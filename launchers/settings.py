"""Where results go on this machine: environment (``INTERLITH_…``), then ``~/.interlith.yaml``, then defaults.

A method (an engine, a threshold, a thickness) never comes from here.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, YamlConfigSettingsSource
from yaml import YAMLError

from interlith.structures.errors import RequestError


class Settings(BaseSettings):
    """What may differ from one machine to the next without any number changing."""

    model_config = SettingsConfigDict(env_prefix="INTERLITH_", extra="ignore", frozen=True)

    workspace: Path = Field(default=Path("interlith-workspace"), description="store, states and run folders")
    workers: int | None = Field(default=None, ge=1, description="jobs side by side; None: by cores")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 the signature is pydantic's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: arguments, environment, the file in the home folder."""
        return init_settings, env_settings, YamlConfigSettingsSource(settings_cls, settings_file())


def settings_file() -> Path:
    """Return the person's settings file, whether it exists or not."""
    return Path.home() / ".interlith.yaml"


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
