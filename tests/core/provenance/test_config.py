from pathlib import Path

import pytest

from reenact_core.errors import SettingsError
from reenact_core.provenance.config import ProvenanceSettings, read_config, user_config_folder

HOME = Path("home")


@pytest.mark.parametrize(
    ("system", "environment", "folder"),
    [
        ("Linux", {}, HOME / ".config" / "reenact"),
        ("Linux", {"XDG_CONFIG_HOME": "x"}, Path("x") / "reenact"),
        ("Darwin", {}, HOME / "Library" / "Application Support" / "reenact"),
        ("Windows", {"APPDATA": "roaming"}, Path("roaming") / "reenact"),
        ("Windows", {}, HOME / "AppData" / "Roaming" / "reenact"),
        ("Linux", {"REENACT_CONFIG": "chosen", "XDG_CONFIG_HOME": "x"}, Path("chosen")),
    ],
)
def test_the_folder_is_the_platforms_own_or_the_one_chosen(
    system: str, environment: dict[str, str], folder: Path
) -> None:
    assert user_config_folder(system, HOME, environment) == folder


def test_without_a_file_there_are_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path, tmp_path / "none", tmp_path / "file" / "below"):
        assert read_config(folder) == ProvenanceSettings()


def test_relative_paths_start_at_the_file(tmp_path: Path) -> None:
    text = "certificate = 'studio.pem'\nkey = '/keys/studio.key'\nallow_unmarked = true\n"
    (tmp_path / "provenance.toml").write_text(text)
    settings = read_config(tmp_path)
    assert settings.certificate == tmp_path / "studio.pem"
    assert settings.key == Path("/keys/studio.key")
    assert settings.allow_unmarked and settings.tsa is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("certificat = 'a.pem'", "there is no certificat; known are certificate, key"),
        ("tsa = 3", "tsa must be text"),
        ("key = ''", "key must be text"),
        ("allow_unmarked = 'yes'", "allow_unmarked must be true or false"),
        ("certificate = 'a.pem'", "certificate and key go together"),
        ("key", "is not a TOML file"),
        ("key = '\xff'", "is not a TOML file"),
    ],
)
def test_a_wrong_file_is_told(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "provenance.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(SettingsError, match=said):
        read_config(tmp_path)
