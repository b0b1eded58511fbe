"""How to call an engine on this machine: threads, device, memory. Never a method.

Read from the environment (prefix ``INTERLITH_``), then ``~/.interlith.yaml``, then the defaults.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, YamlConfigSettingsSource
from yaml import YAMLError

from interlith.structures.errors import RequestError

FILE = ".interlith.yaml"


class EngineSettings(BaseSettings):
    """What engines need to know of the machine."""

    model_config = SettingsConfigDict(env_prefix="INTERLITH_", extra="ignore", frozen=True)

    threads: int | None = Field(default=None, ge=1, description="per engine; None leaves it to OMP_NUM_THREADS")
    device: str = Field(default="cpu", pattern=r"^(cpu|mps|cuda(:\d+)?)$", description="where learned engines run")
    keep_memory: bool = Field(default=True, description="learned engines hold freed memory for the next force call")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the environment before the file in the home folder."""
        return init_settings, env_settings, YamlConfigSettingsSource(settings_cls, yaml_file=Path.home() / FILE)


def engine_settings() -> EngineSettings:
    """Return the settings that hold now.

    Raises
    ------
    RequestError
        If a value is not allowed, or the file in the home folder cannot be read.
    """
    try:
        return EngineSettings()
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise RequestError(
            f"setting {name} = {first['input']!r}: {first['msg']}",
            f"INTERLITH_{name.upper()} or ~/{FILE}",
            "correct or remove it",
        ) from error
    except (YAMLError, OSError, UnicodeDecodeError) as error:
        raise RequestError(f"cannot read the settings: {error}", f"~/{FILE}", "mend or remove the file") from error
