"""Weights files of the published methods, in the small sizes of `tests.tiny`."""

from collections.abc import Callable
from pathlib import Path

from safetensors.torch import save_file
from torch import nn

from tests.tiny import tiny_dagan, tiny_fomm, tiny_tpsmm
from tests.tiny_volumes import tiny_liveportrait, tiny_osfv

TINY: dict[str, Callable[[], nn.Module]] = {
    "fomm": tiny_fomm,
    "tpsmm": tiny_tpsmm,
    "dagan": tiny_dagan,
    "osfv": tiny_osfv,
    "liveportrait": tiny_liveportrait,
}
"""By their ids; each takes pictures of any multiple of 32 pixels, DaGAN of 64."""


def write_tiny(method: str, path: Path) -> Path:
    """The safetensors file of a tiny network."""
    state = TINY[method]().state_dict()
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    return path
