"""The option `integrator`: found inside the roots, loaded by the worker."""

from pathlib import Path

import pytest
from safetensors.torch import save_file

from reenact_bridge.errors import ProtocolError
from reenact_bridge.roots import Roots
from reenact_bridge.warm import Warm
from reenact_bridge.work import resolved_options
from reenact_core.devices import Compute
from reenact_core.errors import CheckpointError
from reenact_core.models.integrators.fomm import Fomm
from tests.tiny import tiny_fomm
from tests.training.evaluate.evaluations import small_checkpoint


def test_a_file_is_looked_for_inside_the_roots(tmp_path: Path) -> None:
    roots = Roots.of([tmp_path])
    inside = tmp_path / "a" / ".." / "vox.pth.tar"
    found = resolved_options({"integrator": f"fomm:{inside}"}, roots)
    assert found["integrator"] == f"fomm:{tmp_path.resolve() / 'vox.pth.tar'}"
    assert resolved_options({"integrator": "osfv-vox-beta"}, roots) == {
        "integrator": "osfv-vox-beta"
    }
    for outside in ("/etc/passwd", f"{tmp_path}/../x", "vox.pth.tar"):
        with pytest.raises(ProtocolError, match="integrator: "):
            resolved_options({"integrator": f"fomm:{outside}"}, roots)


def test_the_worker_gives_the_networks_with_it(tmp_path: Path) -> None:
    checkpoint = str(small_checkpoint(tmp_path / "small.safetensors"))
    save_file(tiny_fomm().state_dict(), tmp_path / "fomm.safetensors")
    warm = Warm("cpu", Roots.of([tmp_path]))
    models = warm.models_with(checkpoint, f"fomm:{tmp_path / 'fomm.safetensors'}", Compute())
    assert models.integrator is not None and isinstance(models.integrator.integrator, Fomm)
    assert warm.models_with(checkpoint, None, Compute()).integrator is None
    with pytest.raises(CheckpointError, match="did you mean fomm"):
        warm.models_with(checkpoint, "fom", Compute())
