"""The names that the package hands to its users."""

import subprocess
import sys

import pytest

import reenact_core


def test_the_list_of_names_is_sorted_and_whole() -> None:
    assert reenact_core.__all__ == sorted(reenact_core.__all__)
    assert set(reenact_core.__all__) == {*reenact_core._HOMES, "__version__"}


@pytest.mark.parametrize("name", reenact_core._HOMES)
def test_every_name_leads_somewhere(name: str) -> None:
    value = getattr(reenact_core, name)
    assert callable(value)
    assert value.__name__ == name
    assert value.__module__ == reenact_core._HOMES[name]


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'load_model'"):
        reenact_core.__getattr__("load_model")


def test_importing_the_package_imports_no_heavy_library() -> None:
    program = "import sys, reenact_core; print({'torch', 'cv2', 'av', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "set()"
