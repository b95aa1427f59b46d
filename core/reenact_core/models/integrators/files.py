"""The files of each method as one table of tensors, under upstream's names."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from reenact_core.models.integrators import (
    dagan_files,
    fomm_files,
    liveportrait_files,
    osfv_files,
    tpsmm_files,
)
from reenact_core.models.state_dicts import Shapes, Weights, open_weights

Configuration = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Method:
    """A published method, by what it takes to open its files."""

    id: str
    holds: Callable[[Shapes], bool]
    """Whether tensors of these names and shapes are the method's."""
    build: Callable[[Weights, Configuration], nn.Module]
    """The networks from opened files: `eval` mode, float32, on the CPU."""
    parts: tuple[str, ...]
    """The tables that belong to it; the others of its files belong to training."""
    open: Callable[[Path], Weights] = open_weights
    """All of its files, by the path of one or of their folder."""
    gather: Callable[[Weights, Configuration], Weights] = lambda weights, _: weights
    """The weights with those of files beside them, under plain names."""
    sources: Callable[[Path, Configuration], tuple[Path, ...]] = lambda path, _: (path,)
    """The files that are read, by the path of one or of their folder."""


METHODS = (
    Method("fomm", fomm_files.holds_fomm, fomm_files.fomm_from, fomm_files.PARTS),
    Method(
        "tpsmm",
        tpsmm_files.holds_tpsmm,
        tpsmm_files.tpsmm_from,
        (*tpsmm_files.PARTS, "avd_network", "bg_predictor"),
    ),
    Method(
        "dagan",
        dagan_files.holds_dagan,
        dagan_files.dagan_from,
        dagan_files.PARTS,
        gather=dagan_files.gathered,
        sources=dagan_files.sources,
    ),
    Method("osfv", osfv_files.holds_osfv, osfv_files.osfv_from, osfv_files.PARTS),
    Method(
        "liveportrait",
        liveportrait_files.holds_liveportrait,
        liveportrait_files.liveportrait_from,
        (*liveportrait_files.BASE, *liveportrait_files.SMALL),
        open=liveportrait_files.open_liveportrait,
        sources=liveportrait_files.sources,
    ),
)
"""In the order in which files are tried."""


def open_files(path: Path) -> Weights:
    """A checkpoint of any kind, by its file or, where it has several, by their folder.

    Raises:
        CheckpointError: a file is missing, damaged, or no weights at all.
    """
    return liveportrait_files.open_liveportrait(path)
