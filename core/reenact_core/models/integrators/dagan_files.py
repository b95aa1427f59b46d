"""DaGAN's files: one of the generator and the keypoint detector, two of the depth network.

The sizes of the networks are read off the weights; what the weights do not show comes from the
same configuration as FOMM's. The depth network is looked for beside the file, in the folder that
the configuration names, or in the file itself, where it was put together with the others.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

from reenact_core.errors import CheckpointError
from reenact_core.models.integrators.dagan import Dagan, DaganSettings
from reenact_core.models.integrators.depth import depth_settings
from reenact_core.models.integrators.fomm_files import (
    configured,
    generator_settings,
    keypoint_settings,
    motion_settings,
)
from reenact_core.models.integrators.sizes import (
    Configuration,
    read_configuration,
    refuse_others,
    section,
    sized,
)
from reenact_core.models.integrators.spade import folded, spade_settings
from reenact_core.models.paper_settings import IntegratorSettings
from reenact_core.models.state_dicts import (
    Shapes,
    State,
    Weights,
    configuration_of,
    fill,
    open_weights,
    part,
)

PARTS = ("kp_detector", "generator", "depth_encoder", "depth_decoder")
"""The tables that make the integrator; the others belong to training."""

SIGNS = ("kp_detector.kp.weight", "generator.src_first.conv.weight", "generator.AttnModule.gamma")
"""Tensors that no other method has all of."""

DEPTH_FILES = (("depth_encoder", "encoder"), ("depth_decoder", "depth"))
"""Tables and the upstream files that hold them, without `.pth`."""

DEPTH_FOLDERS = (
    ".",
    "depth",
    "depth/models/weights_19",
    "depth_face_model_Voxceleb2_10w",
    "../depth/models/weights_19",
    "../depth_face_model_Voxceleb2_10w",
)
"""Where the depth network may lie, as seen from the folder of the weights."""

YAML_KEYPOINTS = 10
"""`num_kp` in upstream's YAML file, whatever the weights have."""

UNUSED = "depth_encoder.encoder.fc."
"""What the depth encoder was trained for before it learned depth."""


def load_dagan(path: Path, configuration: Configuration | Path | None = None) -> Dagan:
    """DaGAN, plain or SPADE, from its official files, or from safetensors with the same names.

    Args:
        configuration: upstream's YAML file or its contents; `depth`, the folder of the depth
            network, besides.

    Raises:
        CheckpointError: a file is missing, damaged or of another method, or the configuration
            differs.
    """
    weights = open_weights(path)
    return dagan_from(weights, {**configuration_of(weights), **read_configuration(configuration)})


def dagan_from(weights: Weights, configuration: Configuration) -> Dagan:
    """DaGAN from an opened file, and from those of its depth network."""
    weights = folded(gathered(weights, configuration))
    with sized(weights.path, "DaGAN"):
        settings = dagan_settings(weights.shapes, configuration)
    network = fill(lambda: Dagan(settings), weights, PARTS)
    assert isinstance(network, Dagan)
    return network


def gathered(weights: Weights, configuration: Configuration) -> Weights:
    """An opened file under plain names, with the depth network's tensors.

    Raises:
        CheckpointError: not DaGAN's, or the depth network is nowhere.
    """
    weights = renamed(weights, _plain)
    refuse_others(weights.path, weights.shapes, "DaGAN", SIGNS)
    return renamed(with_depth(weights, configuration), _used)


def sources(path: Path, configuration: Configuration) -> tuple[Path, ...]:
    """The files that `load_dagan` reads."""
    if any(name.startswith("depth_encoder.") for name in open_weights(path).shapes):
        return (path,)
    return (path, *(file for _, file in _depth_files(path, configuration)))


def holds_dagan(shapes: Shapes) -> bool:
    """Whether these are DaGAN's networks, the depth network apart."""
    return set(SIGNS) <= {_plain(name) for name in shapes}


def _plain(name: str) -> str:
    """The name without what distributed training puts into it."""
    return name.replace("module.", "")


def _used(name: str) -> str | None:
    return None if name.startswith(UNUSED) else name


def renamed(weights: Weights, rename: Callable[[str], str | None]) -> Weights:
    """The weights under other names; those that get none are left out."""
    names = {old: new for old in weights.shapes if (new := rename(old)) is not None}
    shapes = {new: weights.shapes[old] for old, new in names.items()}

    def read() -> State:
        state = weights.read()
        return {new: state[old] for old, new in names.items()}

    return replace(weights, shapes=shapes, read=read)


def with_depth(weights: Weights, configuration: Configuration) -> Weights:
    """The weights with those of the depth network, wherever they are.

    Raises:
        CheckpointError: they are nowhere.
    """
    if any(name.startswith("depth_encoder.") for name in weights.shapes):
        return weights
    for table, path in _depth_files(weights.path, configuration):
        weights = joined(weights, open_weights(path), table)
    return weights


def joined(weights: Weights, other: Weights, table: str) -> Weights:
    """The weights with another file's, as a table of its own; the first file gives the path."""
    kept = renamed(other, lambda name: f"{table}.{_plain(name)}")
    shapes = {**weights.shapes, **kept.shapes}
    return replace(weights, shapes=shapes, read=lambda: weights.read() | kept.read())


def _depth_files(path: Path, configuration: Configuration) -> Iterator[tuple[str, Path]]:
    stated = configuration.get("depth")
    if stated is not None and not isinstance(stated, str | Path):
        raise CheckpointError(f"configuration: depth must be a folder, got {stated!r}")
    folders = [Path(stated)] if stated else [path.parent / folder for folder in DEPTH_FOLDERS]
    for folder, suffix in product(folders, (".pth", ".safetensors")):
        files = {table: folder / f"{name}{suffix}" for table, name in DEPTH_FILES}
        if all(file.is_file() for file in files.values()):
            yield from files.items()
            return
    where = stated or f"{path.parent}"
    raise CheckpointError(
        f"{path}: DaGAN needs its depth network besides: put encoder.pth and depth.pth into "
        f"{where}, or name their folder as depth in the configuration"
    )


def dagan_settings(shapes: Shapes, configuration: Configuration) -> DaganSettings:
    """The sizes of DaGAN's networks.

    Raises:
        CheckpointError: the configuration says one thing and the weights another.
    """
    detector = keypoint_settings(part(shapes, "kp_detector"))
    generator = part(shapes, "generator")
    found = IntegratorSettings(
        replace(detector, channels=detector.channels - 1),  # the last is the depth
        motion_settings(part(generator, "dense_motion_network")),
        generator_settings(generator),
    )
    painter = part(generator, "decoder")
    configuration = _as_meant(configuration, spade=bool(painter))
    return DaganSettings(
        configured(found, configuration),
        depth_settings(part(shapes, "depth_encoder"), part(shapes, "depth_decoder")),
        spade_settings(painter) if painter else None,
    )


def _as_meant(configuration: Configuration, *, spade: bool) -> Configuration:
    """Upstream's configuration without what the published weights never followed.

    The number of keypoints is given on upstream's command line, 15, and overrules the 10 of its
    YAML file; the file of the SPADE variant is the plain one's, whose bottleneck it lacks.
    """
    model = section(configuration, "model_params")
    common = dict(section(model, "common_params"))
    generator = dict(section(model, "generator_params"))
    if common.get("num_kp") == YAML_KEYPOINTS:
        del common["num_kp"]
    if spade:
        generator.pop("num_bottleneck_blocks", None)
    return {
        **configuration,
        "model_params": {**model, "common_params": common, "generator_params": generator},
    }
