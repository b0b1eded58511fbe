"""How to call an engine on this machine: threads, device, memory. Never a method.

Read from the environment (prefix ``INTERLITH_``), then ``~/.interlith.yaml``, then the defaults.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, YamlConfigSettingsSource
from yaml import YAMLError

from interlith.structures.errors import RequestError, unknown_name

FILE = ".interlith.yaml"
PREFIX = "INTERLITH_"
Kind = TypeVar("Kind", bound="EngineSettings")


class EngineSettings(BaseSettings):
    """What engines need to know of the machine."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    threads: int | None = Field(default=None, ge=1, description="per engine; None: OMP_NUM_THREADS, for xTB one")
    device: str = Field(default="cpu", pattern=r"^(cpu|mps|cuda(:\d+)?)$", description="where learned engines run")
    cp2k_command: str | None = Field(default=None, description="None: cp2k.psmp or cp2k")
    cp2k_ranks: int = Field(default=1, ge=1, description="processes, started by mpirun if more than one")
    cp2k_data: str | None = Field(default=None, description="folder of bases; None: CP2K_DATA_DIR or the program's own")
    espresso_command: str | None = Field(default=None, description="None: pw.x; pp.x is taken from beside it")
    espresso_ranks: int = Field(default=1, ge=1, description="processes, started by mpirun if more than one")
    pseudo_dir: str | None = Field(default=None, description="Quantum ESPRESSO's pseudopotentials; None: CP2K's GTH")
    vasp_command: str | None = Field(default=None, description="how VASP is started here, MPI included")
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
        return init_settings, env_settings, _HomeFile(settings_cls, yaml_file=Path.home() / FILE)


def engine_settings() -> EngineSettings:
    """Return the settings that hold now.

    Raises
    ------
    RequestError
        See :func:`settings_of`.
    """
    return settings_of(EngineSettings)


def settings_of(kind: type[Kind], **given: Any) -> Kind:
    """Return settings of a kind, with what is given first.

    Parameters
    ----------
    kind
        Which settings.
    **given
        Values that go before the environment and the file.

    Raises
    ------
    RequestError
        If a name is unknown (the nearest is suggested), a value is not allowed, or the file in the home folder cannot
        be read.
    """
    try:
        return kind(**given)
    except ValidationError as error:
        fault = error.errors()[0]
        name = ".".join(str(part) for part in fault["loc"])
        place = f"{PREFIX}{name.upper()} or ~/{FILE}"
        if fault["type"] == "extra_forbidden":
            raise unknown_setting(kind, name, f"~/{FILE}") from error
        raise RequestError(
            f"setting {name} = {fault['input']!r}: {fault['msg']}", place, "correct or remove it"
        ) from error
    except (YAMLError, OSError, UnicodeDecodeError) as error:
        raise RequestError(f"cannot read the settings: {error}", f"~/{FILE}", "mend or remove the file") from error


def unknown_setting(kind: type[EngineSettings], name: str, place: str) -> RequestError:
    """Return the error for a setting that there is not, the nearest named; a prefix before it is overlooked.

    Parameters
    ----------
    kind
        Which settings there are.
    name
        As it was written.
    place
        Where.
    """
    near = unknown_name("setting", name.upper().removeprefix(PREFIX).lower(), kind.model_fields, place)
    return RequestError(f"unknown setting {name!r}", place, near.mend)


class _HomeFile(YamlConfigSettingsSource):
    """The file in the home folder, which must hold names and values."""

    def _read_file(self, path: Any) -> dict[str, Any]:
        # Typed as a dictionary, but it is whatever the file holds.
        found: object = super()._read_file(path)
        if not isinstance(found, dict):
            raise YAMLError(f"it holds {found!r}, not names and values such as threads: 2")
        return found
