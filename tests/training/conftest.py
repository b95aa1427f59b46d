"""A small data set of drawn heads that the tests of training share."""

from pathlib import Path

import pytest

from reenact_training.synth_folder import write_synth


@pytest.fixture(scope="session")
def heads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three clips of six frames, 64 x 64 pixels, with their truth."""
    folder = tmp_path_factory.mktemp("heads")
    write_synth(folder, seed=11, clips=3, frames=6, size=64)
    return folder
