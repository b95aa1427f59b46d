"""OSFV's files: the sizes of its networks, read off the weights and upstream's configuration.

Not in the weights: the temperature, the variance of the heat maps (upstream's YAML file or its
defaults), and which way angles turn a head (`rotation`).
"""

from dataclasses import replace
from pathlib import Path
from typing import cast, get_args

from reenact_core.errors import CheckpointError
from reenact_core.models.integrators.canonical_keypoints import CanonicalSettings
from reenact_core.models.integrators.head_estimator import HeadSettings, Rotation
from reenact_core.models.integrators.osfv import Osfv, OsfvSettings, PlainSettings
from reenact_core.models.integrators.sizes import (
    Configuration,
    agree,
    count,
    read_configuration,
    reduction_scale,
    refuse_others,
    section,
    sized,
)
from reenact_core.models.integrators.spade import SpadeSettings, folded, spade_settings
from reenact_core.models.integrators.volume_sizes import motion_sizes, positive, volume_sizes
from reenact_core.models.state_dicts import (
    Shapes,
    Weights,
    configuration_of,
    fill,
    open_weights,
    part,
)

PARTS = ("generator", "kp_detector", "he_estimator")
"""The tables of the file that make the integrator; the others belong to training."""

SIGNS = (
    "kp_detector.predictor.conv.weight",
    "kp_detector.kp.weight",
    "he_estimator.fc_exp.weight",
    "generator.second.weight",
    "generator.dense_motion_network.compress.weight",
)
"""Tensors that OSFV has, and no other method all of them."""


def load_osfv(path: Path, configuration: Configuration | Path | None = None) -> Osfv:
    """OSFV from an official file, or from safetensors with the same key names.

    Args:
        configuration: upstream's YAML file or its contents; the key `rotation` besides.

    Raises:
        CheckpointError: the file is damaged or does not hold OSFV, or the configuration differs.
    """
    weights = open_weights(path)
    stated = {**configuration_of(weights), **read_configuration(configuration)}
    return osfv_from(weights, stated)


def osfv_from(weights: Weights, configuration: Configuration) -> Osfv:
    """OSFV from an opened file."""
    refuse_others(weights.path, weights.shapes, "OSFV", SIGNS)
    weights = folded(weights)
    with sized(weights.path, "OSFV"):
        settings = osfv_settings(weights.shapes, configuration)
    network = fill(lambda: Osfv(settings), weights, PARTS)
    assert isinstance(network, Osfv)
    return network


def holds_osfv(shapes: Shapes) -> bool:
    """Whether these are OSFV's networks."""
    return set(SIGNS) <= set(shapes)


def osfv_settings(shapes: Shapes, configuration: Configuration) -> OsfvSettings:
    """The sizes of OSFV's networks.

    Raises:
        CheckpointError: the configuration says one thing and the weights another.
    """
    generator = part(shapes, "generator")
    volume = volume_sizes(generator, generator["dense_motion_network.compress.weight"][1])
    motion = motion_sizes(part(generator, "dense_motion_network"))
    found = OsfvSettings(
        keypoints=_keypoints(part(shapes, "kp_detector")),
        head=_head(part(shapes, "he_estimator")),
        volume=volume,
        motion=motion,
        flat=(generator["third.conv.weight"][0], generator["fourth.weight"][0]),
        painter=_painter(generator),
        rotation=_rotation(configuration),
    )
    positive(found)
    return _configured(found, configuration)


def _configured(found: OsfvSettings, configuration: Configuration) -> OsfvSettings:
    model = section(configuration, "model_params")
    common = section(model, "common_params")
    detector = {**common, **section(model, "kp_detector_params")}
    head = section(model, "he_estimator_params")
    generator = {**common, **section(model, "generator_params")}
    dense = section(generator, "dense_motion_params")
    keypoints, motion = found.keypoints, found.motion
    agree(
        [
            ("num_kp", detector, keypoints.keypoints),
            ("image_channel", detector, keypoints.colours),
            ("estimate_jacobian", detector, keypoints.jacobian),
            ("scale_factor", detector, keypoints.scale),
            ("num_blocks", detector, len(keypoints.down)),
            ("reshape_channel", detector, keypoints.up[0] * keypoints.depth),
            ("reshape_depth", detector, keypoints.depth),
            ("num_bins", head, found.head.bins),
            ("block_expansion", head, found.head.stem),
            ("block_expansion", generator, found.volume.widths[0]),
            ("num_down_blocks", generator, len(found.volume.widths) - 1),
            ("reshape_channel", generator, found.volume.channels),
            ("reshape_depth", generator, found.volume.depth),
            ("num_resblocks", generator, found.volume.blocks),
            ("estimate_occlusion_map", generator, motion.occlusion),
            ("block_expansion", dense, motion.features),
            ("num_blocks", dense, motion.blocks),
            ("compress", dense, motion.compress),
        ]
    )
    temperature = float(detector.get("temperature", keypoints.temperature))
    variance = float(dense.get("kp_variance", motion.variance))
    if not (temperature > 0 and variance > 0):
        raise CheckpointError("configuration: temperature and kp_variance must be above 0")
    return replace(
        found,
        keypoints=replace(keypoints, temperature=temperature),
        motion=replace(motion, variance=variance),
    )


def _rotation(configuration: Configuration) -> Rotation:
    chosen = configuration.get("rotation", "new")
    if chosen not in get_args(Rotation):
        raise CheckpointError(
            f"configuration: rotation must be one of {', '.join(get_args(Rotation))}; "
            f"got {chosen!r}"
        )
    return cast(Rotation, chosen)


def _keypoints(shapes: Shapes) -> CanonicalSettings:
    halvings = count(shapes, "predictor.down_blocks.down{}.conv.weight")
    doublings = count(shapes, "predictor.up_blocks.up{}.conv.weight")
    start = shapes["predictor.up_blocks.up0.conv.weight"][1]
    ups = [shapes[f"predictor.up_blocks.up{i}.conv.weight"][0] for i in range(doublings)]
    return CanonicalSettings(
        keypoints=shapes["kp.weight"][0],
        colours=shapes["predictor.down_blocks.down0.conv.weight"][1],
        scale=reduction_scale(shapes),
        down=tuple(
            shapes[f"predictor.down_blocks.down{i}.conv.weight"][0] for i in range(halvings)
        ),
        depth=shapes["predictor.conv.weight"][0] // start,
        up=(start, *ups),
        jacobian="jacobian.weight" in shapes,
    )


def _head(shapes: Shapes) -> HeadSettings:
    stages = 0
    while f"conv{stages + 2}.weight" in shapes:
        stages += 1
    numbers = range(stages)
    return HeadSettings(
        colours=shapes["conv1.weight"][1],
        stem=shapes["conv1.weight"][0],
        widths=tuple(shapes[f"conv{i + 2}.weight"][0] for i in numbers),
        blocks=tuple(count(shapes, f"{_row(i)}_{{}}.conv1.weight") for i in numbers),
        squeezed=tuple(shapes[f"{_row(i)}_0.conv1.weight"][0] for i in numbers),
        bins=shapes["fc_yaw.weight"][0],
        expression=shapes["fc_exp.weight"][0],
    )


def _row(stage: int) -> str:
    return f"block{2 * stage + 1}.b{2 * stage + 1}"


def _painter(shapes: Shapes) -> SpadeSettings | PlainSettings:
    if "final.weight" not in shapes:
        return spade_settings(part(shapes, "decoder"))
    ups = count(shapes, "up_blocks.{}.conv.weight")
    widths = [shapes[f"up_blocks.{i}.conv.weight"][0] for i in range(ups)]
    inner = shapes["up_blocks.0.conv.weight" if ups else "final.weight"][1]
    return PlainSettings(
        blocks=count(shapes, "resblocks_2d.2dr{}.conv1.weight"),
        widths=(inner, *widths),
    )
