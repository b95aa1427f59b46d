"""FOMM's files: the sizes of the networks, read off the weights and upstream's configuration.

The published files hold no configuration. Nearly all sizes follow from names and shapes; the
temperature, the padding of the last convolution and the variance of the heat maps do not, and
come from upstream's YAML file or its defaults.
"""

from dataclasses import replace
from pathlib import Path

from reenact_core.errors import CheckpointError
from reenact_core.models.integrators.fomm import Fomm
from reenact_core.models.integrators.sizes import (
    Configuration,
    agree,
    count,
    hourglass_sizes,
    read_configuration,
    reduction_scale,
    refuse_others,
    section,
    sized,
)
from reenact_core.models.paper_settings import (
    DenseMotionSettings,
    GeneratorSettings,
    IntegratorSettings,
    JacobianMaps,
    KeypointSettings,
)
from reenact_core.models.state_dicts import (
    Shapes,
    Weights,
    configuration_of,
    fill,
    open_weights,
    part,
)

PARTS = ("kp_detector", "generator")
"""The tables of the file that make the integrator; the others belong to training."""

SIGNS = (
    "kp_detector.predictor.encoder.down_blocks.0.conv.weight",
    "generator.first.conv.weight",
    "kp_detector.kp.weight",
    "generator.dense_motion_network.mask.weight",
    "generator.bottleneck.r0.conv1.weight",
    "generator.final.weight",
)
"""Tensors that FOMM has, and none of its successors all of them in these shapes."""


def load_fomm(path: Path, configuration: Configuration | Path | None = None) -> Fomm:
    """FOMM from an official file, or from safetensors with the same key names.

    Args:
        configuration: upstream's YAML file or its contents; the key `align_corners` besides.

    Raises:
        CheckpointError: the file is damaged or does not hold FOMM, or the configuration differs.
    """
    weights = open_weights(path)
    return fomm_from(weights, {**configuration_of(weights), **read_configuration(configuration)})


def fomm_from(weights: Weights, configuration: Configuration) -> Fomm:
    """FOMM from an opened file."""
    refuse_others(weights.path, weights.shapes, "FOMM", SIGNS)
    if not holds_fomm(weights.shapes):
        raise CheckpointError(
            f"{weights.path}: no FOMM weights, but those of a method that grew out of it"
        )
    with sized(weights.path, "FOMM"):
        settings = fomm_settings(weights.shapes, configuration)
    network = fill(lambda: Fomm(settings), weights, PARTS)
    assert isinstance(network, Fomm)
    return network


def holds_fomm(shapes: Shapes) -> bool:
    """Whether these are FOMM's networks, and not those of a method that grew out of it."""
    if not set(SIGNS) <= set(shapes) or any(len(shapes[name]) != 4 for name in SIGNS):
        return False  # the detector of OSFV convolves in three dimensions: five axes
    of_detector, of_generator = (shapes[name][1] for name in SIGNS[:2])
    return of_detector == of_generator  # the detector of DaGAN sees depth besides


def fomm_settings(shapes: Shapes, configuration: Configuration) -> IntegratorSettings:
    """The sizes of FOMM's networks, by section 1.6 of what is known of its files.

    Raises:
        CheckpointError: the configuration says one thing and the weights another.
    """
    found = IntegratorSettings(
        keypoint_settings(part(shapes, "kp_detector")),
        motion_settings(part(shapes, "generator.dense_motion_network")),
        generator_settings(part(shapes, "generator")),
    )
    return configured(found, configuration)


def configured(found: IntegratorSettings, configuration: Configuration) -> IntegratorSettings:
    """Sizes read off the weights, with what the weights do not show.

    Raises:
        CheckpointError: the configuration says one thing and the weights another.
    """
    model = section(configuration, "model_params")
    common = section(model, "common_params")
    detector = {**common, **section(model, "kp_detector_params")}
    generator = {**common, **section(model, "generator_params")}
    motion = section(generator, "dense_motion_params")
    _agree(found, detector, generator, motion)
    return replace(
        found,
        keypoints=replace(
            found.keypoints,
            temperature=float(detector.get("temperature", found.keypoints.temperature)),
            padding=int(detector.get("pad", found.keypoints.padding)),
        ),
        motion=replace(
            found.motion, variance=float(motion.get("kp_variance", found.motion.variance))
        ),
        align_corners=bool(configuration.get("align_corners", found.align_corners)),
    )


def keypoint_settings(shapes: Shapes) -> KeypointSettings:
    """The sizes of a keypoint detector, from what stands under `kp_detector`."""
    number, width = shapes["kp.weight"][:2]
    channels = shapes["predictor.encoder.down_blocks.0.conv.weight"][1]
    blocks, widest = hourglass_sizes(part(shapes, "predictor"))
    return KeypointSettings(
        keypoints=number,
        channels=channels,
        features=width - channels,
        max_features=widest,
        blocks=blocks,
        scale=reduction_scale(shapes),
        jacobian=_jacobian_maps(shapes, number),
    )


def _jacobian_maps(shapes: Shapes, keypoints: int) -> JacobianMaps:
    if "jacobian.weight" not in shapes:
        return "none"
    return "per_keypoint" if shapes["jacobian.weight"][0] == 4 * keypoints else "shared"


def motion_settings(shapes: Shapes) -> DenseMotionSettings:
    """The sizes of a dense motion network, from what stands under its name."""
    channels = shapes["hourglass.encoder.down_blocks.0.conv.weight"][1]
    blocks, widest = hourglass_sizes(part(shapes, "hourglass"))
    return DenseMotionSettings(
        features=shapes["mask.weight"][1] - channels,
        max_features=widest,
        blocks=blocks,
        scale=reduction_scale(shapes),
        occlusion="occlusion.weight" in shapes,
    )


def generator_settings(shapes: Shapes) -> GeneratorSettings:
    """The sizes of a generator, from what stands under `generator`."""
    halvings = count(shapes, "down_blocks.{}.conv.weight")
    widths = [shapes[f"down_blocks.{i}.conv.weight"][0] for i in range(halvings)]
    first = shapes["first.conv.weight"][0]
    return GeneratorSettings(
        features=first,
        max_features=max([first, *widths]),
        halvings=halvings,
        bottleneck=count(shapes, "bottleneck.r{}.conv1.weight"),
    )


def _agree(
    found: IntegratorSettings,
    detector: Configuration,
    generator: Configuration,
    motion: Configuration,
) -> None:
    """Compare what upstream's configuration states with what the weights show."""
    stated = [
        ("num_kp", detector, found.keypoints.keypoints),
        ("num_channels", detector, found.keypoints.channels),
        ("estimate_jacobian", detector, found.keypoints.jacobian != "none"),
        ("block_expansion", detector, found.keypoints.features),
        ("num_blocks", detector, found.keypoints.blocks),
        ("scale_factor", detector, found.keypoints.scale),
        ("block_expansion", generator, found.generator.features),
        ("num_down_blocks", generator, found.generator.halvings),
        ("num_bottleneck_blocks", generator, found.generator.bottleneck),
        ("estimate_occlusion_map", generator, found.motion.occlusion),
        ("block_expansion", motion, found.motion.features),
        ("num_blocks", motion, found.motion.blocks),
        ("scale_factor", motion, found.motion.scale),
    ]
    agree(stated)
