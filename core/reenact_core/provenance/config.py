"""`provenance.toml`: whose key signs, and what may go unmarked; a file of the user, not of a job.

A timeline or a request from elsewhere must not choose keys, nor servers to be asked, so that this
stands apart from the settings of a render.
"""

import os
import platform
import tomllib
import typing
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from reenact_core.errors import SettingsError

CONFIG_FILE = "provenance.toml"


@dataclass(frozen=True, slots=True)
class ProvenanceSettings:
    """Who signs what reenact makes, and who may go without; `provenance.toml` in the user's folder
    for settings."""

    certificate: Path | None = None
    """PEM file with the certificate that signs and those that vouch for it, the root left out;
    none: an identity of this machine's own."""
    key: Path | None = None
    """PEM file with the certificate's private key, not encrypted; readable by you alone."""
    tsa: str | None = None
    """URL of a time stamp server (RFC 3161). With its stamp a signature stays valid after the
    certificate ends. The one thing for which rendering asks the network."""
    trust: Path | None = None
    """PEM file of root certificates that `reenact verify` trusts."""
    allow_unmarked: bool = False
    """Whether farm jobs and the bridge's jobs may ask for `--no-provenance` here."""


def user_config_folder(
    system: str | None = None,
    home: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Path:
    """Where a user's own settings lie: REENACT_CONFIG, or the platform's folder for them.

    Args:
        system: as `platform.system()` gives it: Linux, Darwin, Windows; None: this one.
    """
    environment = os.environ if environment is None else environment
    if chosen := environment.get("REENACT_CONFIG"):
        return Path(chosen)
    system, home = system or platform.system(), home or _home()
    if system == "Windows":
        base = Path(environment.get("APPDATA") or home / "AppData" / "Roaming")
    elif system == "Darwin":
        base = home / "Library" / "Application Support"
    else:
        base = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    return base / "reenact"


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # an account without a home, as on some farms
        return Path(os.sep) / "nonexistent"


def read_config(folder: Path) -> ProvenanceSettings:
    """The settings of a folder; the defaults where it has none.

    Raises:
        SettingsError: the file cannot be read, has an unknown key or a wrong value.
    """
    path = folder / CONFIG_FILE
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
        if isinstance(error, PermissionError) and os.access(folder, os.X_OK):
            raise SettingsError(f"{path}: cannot be read ({error.strerror})") from error
        return ProvenanceSettings()
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: is not a TOML file: {error}") from error
    settings = _from_table(table, path)
    if (settings.certificate is None) != (settings.key is None):
        raise SettingsError(f"{path}: certificate and key go together; one of them is missing")
    return settings


def _from_table(table: Mapping[str, Any], path: Path) -> ProvenanceSettings:
    hints = typing.get_type_hints(ProvenanceSettings)
    known = [field.name for field in fields(ProvenanceSettings)]
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name not in known:
            raise SettingsError(f"{path}: there is no {name}; known are {', '.join(known)}")
        wanted: type = bool if hints[name] is bool else str
        if not isinstance(value, wanted) or value == "":
            kind = "true or false" if wanted is bool else "text"
            raise SettingsError(f"{path}: {name} must be {kind}, got {value!r}")
        values[name] = value
        if isinstance(value, str) and Path in typing.get_args(hints[name]):
            # A relative path starts at the file that names it.
            values[name] = path.parent / Path(value).expanduser()
    return ProvenanceSettings(**values)
