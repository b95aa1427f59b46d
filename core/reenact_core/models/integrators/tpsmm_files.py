"""TPSMM's files: the sizes of the networks, read off the weights and upstream's configuration.

The published files hold no configuration. All sizes follow from names and shapes; the variance of
the heat maps does not, and is upstream's default unless the configuration has another. How motion
is carried over, and whether the background moves, is the caller's choice.
"""

from dataclasses import replace
from pathlib import Path

from reenact_core.errors import CheckpointError
from reenact_core.models.integrators.resnet import ResnetSettings, resnet_settings
from reenact_core.models.integrators.sizes import (
    Configuration,
    agree,
    choice,
    count,
    hourglass_sizes,
    read_configuration,
    reduction_scale,
    refuse_others,
    section,
    sized,
)
from reenact_core.models.integrators.thin_plates import CONTROL_POINTS
from reenact_core.models.integrators.tpsmm import AvdSettings, Tpsmm, TpsmmSettings
from reenact_core.models.paper_settings import DenseMotionSettings
from reenact_core.models.state_dicts import (
    Shapes,
    Weights,
    configuration_of,
    fill,
    open_weights,
    part,
)

PARTS = ("kp_detector", "dense_motion_network", "inpainting_network")
"""The tables of the file that make the integrator; others are asked for by the configuration."""

SIGNS = (
    "kp_detector.fg_encoder.fc.weight",
    "dense_motion_network.maps.weight",
    "inpainting_network.first.conv.weight",
)
"""Tensors that no other method has."""


def load_tpsmm(path: Path, configuration: Configuration | Path | None = None) -> Tpsmm:
    """TPSMM from an official file, or from safetensors with the same key names.

    Args:
        configuration: upstream's YAML file or its contents; `mode` and `background` besides.

    Raises:
        CheckpointError: the file is damaged or does not hold TPSMM, or the configuration differs.
    """
    weights = open_weights(path)
    return tpsmm_from(weights, {**configuration_of(weights), **read_configuration(configuration)})


def tpsmm_from(weights: Weights, configuration: Configuration) -> Tpsmm:
    """TPSMM from an opened file."""
    refuse_others(weights.path, weights.shapes, "TPSMM", SIGNS)
    with sized(weights.path, "TPSMM"):
        settings = tpsmm_settings(weights.shapes, configuration)
    parts = list(PARTS)
    parts += ["avd_network"] if settings.avd else []
    parts += ["bg_predictor"] if settings.background else []
    network = fill(lambda: Tpsmm(settings), weights, tuple(parts))
    assert isinstance(network, Tpsmm)
    return network


def holds_tpsmm(shapes: Shapes) -> bool:
    """Whether these are TPSMM's networks."""
    return set(SIGNS) <= set(shapes)


def tpsmm_settings(shapes: Shapes, configuration: Configuration) -> TpsmmSettings:
    """The sizes of TPSMM's networks.

    Raises:
        CheckpointError: the configuration says one thing and the weights another.
    """
    detector = resnet_settings(part(shapes, "kp_detector.fg_encoder"))
    painter = part(shapes, "inpainting_network")
    halvings = count(painter, "down_blocks.{}.conv.weight")
    widths = [painter[f"down_blocks.{i}.conv.weight"][0] for i in range(halvings)]
    features, channels = painter["first.conv.weight"][:2]
    motion = part(shapes, "dense_motion_network")
    found = TpsmmSettings(
        splines=detector.outputs // (2 * CONTROL_POINTS),
        channels=channels,
        detector=detector,
        motion=_motion(motion),
        features=features,
        max_features=max([features, *widths]),
        halvings=halvings,
        masks="every_level" if "occlusion.1.weight" in motion else "one",
    )
    model = section(configuration, "model_params")
    _agree(found, model)
    stated = section(model, "dense_motion_params")
    variance = float(stated.get("kp_variance", found.motion.variance))
    return replace(
        found,
        motion=replace(found.motion, variance=variance),
        avd=_avd(shapes, choice(configuration, "mode", ("relative", "avd"))),
        background=_background(shapes, choice(configuration, "background", (False, True))),
    )


def _motion(shapes: Shapes) -> DenseMotionSettings:
    channels = shapes["hourglass.encoder.down_blocks.0.conv.weight"][1]
    blocks, widest = hourglass_sizes(part(shapes, "hourglass"))
    return DenseMotionSettings(
        features=shapes["maps.weight"][1] - channels,
        max_features=widest,
        blocks=blocks,
        scale=reduction_scale(shapes),
    )


def _avd(shapes: Shapes, mode: object) -> AvdSettings | None:
    if mode != "avd":
        return None
    table = part(shapes, "avd_network")
    if not table:
        raise CheckpointError("holds no avd_network, which the mode avd needs; use mode relative")
    return AvdSettings(
        *(_widths(part(table, n)) for n in ("id_encoder", "pose_encoder", "decoder"))
    )


def _widths(shapes: Shapes) -> tuple[int, ...]:
    """Linear layers stand at every third place of their row, from 0 on."""
    rows = [shapes["0.weight"]]
    while f"{3 * len(rows)}.weight" in shapes:
        rows.append(shapes[f"{3 * len(rows)}.weight"])
    return (rows[0][1], *(row[0] for row in rows))


def _background(shapes: Shapes, wanted: object) -> ResnetSettings | None:
    if not wanted:
        return None
    table = part(shapes, "bg_predictor.bg_encoder")
    if not table:
        raise CheckpointError("holds no bg_predictor, which background: true needs; leave it out")
    return resnet_settings(table)


def _agree(found: TpsmmSettings, model: Configuration) -> None:
    """Compare what upstream's configuration states with what the weights show."""
    common = section(model, "common_params")
    generator = {**common, **section(model, "generator_params")}
    motion = {**common, **section(model, "dense_motion_params")}
    agree(
        [
            ("num_tps", common, found.splines),
            ("num_channels", common, found.channels),
            ("multi_mask", common, found.masks == "every_level"),
            ("block_expansion", generator, found.features),
            ("num_down_blocks", generator, found.halvings),
            ("block_expansion", motion, found.motion.features),
            ("num_blocks", motion, found.motion.blocks),
            ("scale_factor", motion, found.motion.scale),
        ]
    )
