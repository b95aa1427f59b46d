"""LivePortrait's files: five of upstream's, or one of safetensors with all their names.

Upstream has a file for each network, `base_models/*.pth` and
`retargeting_models/stitching_retargeting_module.pth`; what is loaded is their folder, or any one
of the four base models beside the others. In one file the names stand behind their network's.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast, get_args

from reenact_core.errors import CheckpointError
from reenact_core.models.integrators.convnext import ConvNextSettings
from reenact_core.models.integrators.implicit_motion import Region
from reenact_core.models.integrators.liveportrait import LivePortrait, LivePortraitSettings
from reenact_core.models.integrators.sizes import (
    Configuration,
    agree,
    count,
    read_configuration,
    refuse_others,
    section,
    sized,
)
from reenact_core.models.integrators.spade import folded, spade_settings
from reenact_core.models.integrators.volume_sizes import motion_sizes, positive, volume_sizes
from reenact_core.models.state_dicts import (
    Shapes,
    State,
    Weights,
    configuration_of,
    fill,
    open_weights,
    part,
)

BASE = (
    "appearance_feature_extractor",
    "motion_extractor",
    "warping_module",
    "spade_generator",
)
"""The networks with a file of their own each."""

RETARGETING = "stitching_retargeting_module"
"""The file with the small networks, by their names in it; it may be missing."""

SMALL = ("retarget_shoulder", "retarget_mouth", "retarget_eye")

FOLDERS = (
    "",
    "base_models",
    "retargeting_models",
    "../retargeting_models",
    "liveportrait/base_models",
    "liveportrait/retargeting_models",
)
"""Where files lie, seen from the folder that is named; the last two from upstream's
`pretrained_weights`."""

SIGNS = (
    "appearance_feature_extractor.second.weight",
    "motion_extractor.detector.fc_kp.weight",
    "warping_module.dense_motion_network.compress.weight",
    "spade_generator.fc.weight",
)
"""Tensors that LivePortrait has, and no other method all of them."""


def load_liveportrait(
    path: Path, configuration: Configuration | Path | None = None
) -> LivePortrait:
    """LivePortrait from the folder of its official files, or from one file of safetensors.

    Args:
        configuration: upstream's `models.yaml` or its contents; besides, as upstream's options,
            `flag_stitching`, `driving_multiplier`, `animation_region`.

    Raises:
        CheckpointError: a file is missing, damaged or of another method, or the configuration
            differs.
    """
    weights = open_liveportrait(path)
    stated = {**configuration_of(weights), **read_configuration(configuration)}
    return liveportrait_from(weights, stated)


def liveportrait_from(weights: Weights, configuration: Configuration) -> LivePortrait:
    """LivePortrait from opened files."""
    refuse_others(weights.path, weights.shapes, "LivePortrait", SIGNS)
    weights = folded(weights)
    with sized(weights.path, "LivePortrait"):
        settings = liveportrait_settings(weights.shapes, configuration)
    network = fill(lambda: LivePortrait(settings), weights, (*BASE, *SMALL))
    assert isinstance(network, LivePortrait)
    return network


def holds_liveportrait(shapes: Shapes) -> bool:
    """Whether these are LivePortrait's networks."""
    return set(SIGNS) <= set(shapes)


def open_liveportrait(path: Path) -> Weights:
    """All files of LivePortrait as one, by the folder or by any of its base models.

    Raises:
        CheckpointError: names the file that is missing or damaged.
    """
    if path.is_dir():
        return _folder(path)
    if path.stem in BASE and path.is_file():
        return _folder(path.parent)
    return open_weights(path)


def sources(path: Path, _: Configuration) -> tuple[Path, ...]:
    """The files that `load_liveportrait` reads."""
    if path.is_file() and path.stem not in BASE:
        return (path,)
    folder = path if path.is_dir() else path.parent
    found = (_file(folder, name) for name in (*BASE, RETARGETING))
    return tuple(file for file in found if file is not None)


def _folder(folder: Path) -> Weights:
    parts = {name: _file(folder, name) for name in BASE}
    missing = [name for name, path in parts.items() if path is None]
    if len(missing) == len(BASE):
        raise CheckpointError(
            f"{folder}: is a folder without weights; LivePortrait's has {BASE[0]}.pth and others "
            "in base_models"
        )
    if missing:
        raise CheckpointError(
            f"{folder}: no {' and no '.join(f'{name}.pth' for name in missing)} here or in "
            "base_models"
        )
    opened = {f"{name}.": open_weights(path) for name, path in parts.items() if path is not None}
    small = _file(folder, RETARGETING)
    if small is not None:
        opened[""] = open_weights(small)
    return _as_one(folder, opened)


def _file(folder: Path, name: str) -> Path | None:
    for inner in FOLDERS:
        for ending in (".safetensors", ".pth"):
            path = folder / inner / f"{name}{ending}"
            if path.is_file():
                return path
    return None


def _as_one(folder: Path, opened: Mapping[str, Weights]) -> Weights:
    """Several files as one: each file's names behind what stands for it, without `module.`."""

    def named(prefix: str, name: str) -> str:
        return prefix + name.replace("module.", "").removeprefix(prefix)

    def read() -> State:
        return {
            named(prefix, name): tensor
            for prefix, weights in opened.items()
            for name, tensor in weights.read().items()
        }

    shapes = {
        named(prefix, name): shape
        for prefix, weights in opened.items()
        for name, shape in weights.shapes.items()
    }
    return Weights(folder, shapes, {}, read)


def liveportrait_settings(shapes: Shapes, configuration: Configuration) -> LivePortraitSettings:
    """The sizes of LivePortrait's networks, and the options of the configuration.

    Raises:
        CheckpointError: the configuration says one thing and the weights another.
    """
    warp = part(shapes, "warping_module")
    channels = warp["dense_motion_network.compress.weight"][1]
    small = {name: _mlp_widths(part(shapes, name)) for name in SMALL}
    found = LivePortraitSettings(
        volume=volume_sizes(part(shapes, "appearance_feature_extractor"), channels),
        extractor=_extractor(part(shapes, "motion_extractor.detector")),
        motion=motion_sizes(part(warp, "dense_motion_network")),
        flat=(warp["third.conv.weight"][0], warp["fourth.weight"][0]),
        painter=spade_settings(part(shapes, "spade_generator")),
        stitching_widths=small["retarget_shoulder"],
        lip_widths=small["retarget_mouth"],
        eye_widths=small["retarget_eye"],
    )
    _positive(found)
    _agree(found, section(configuration, "model_params"))
    return _with_options(found, configuration)


def _positive(found: LivePortraitSettings) -> None:
    for sizes in (found.volume, found.extractor, found.motion, found.painter):
        positive(sizes)
    points = 3 * found.motion.keypoints
    for widths, least in ((found.stitching_widths, 2 * points), (found.lip_widths, points + 1)):
        if widths and widths[0] < least:
            raise ValueError(f"{widths[0]} numbers cannot hold {points // 3} keypoints")


def _extractor(shapes: Shapes) -> ConvNextSettings:
    stages = count(shapes, "downsample_layers.{}.1.weight")
    blocks = (count(shapes, f"stages.{stage}.{{}}.dwconv.weight") for stage in range(stages))
    widths = [shapes[f"downsample_layers.{i}.1.weight"][0] for i in range(stages)]
    return ConvNextSettings(
        colours=shapes["downsample_layers.0.0.weight"][1],
        widths=tuple(widths),
        blocks=tuple(blocks),
        keypoints=shapes["fc_kp.weight"][0] // 3,
        bins=shapes["fc_yaw.weight"][0],
    )


def _mlp_widths(shapes: Shapes) -> tuple[int, ...]:
    widths: list[int] = []
    while f"mlp.{2 * len(widths)}.weight" in shapes:
        widths.append(shapes[f"mlp.{2 * len(widths)}.weight"][0])
    return (shapes["mlp.0.weight"][1], *widths) if widths else ()


def _agree(found: LivePortraitSettings, model: Configuration) -> None:
    encoder = section(model, "appearance_feature_extractor_params")
    extractor = section(model, "motion_extractor_params")
    warp = section(model, "warping_module_params")
    dense = section(warp, "dense_motion_params")
    painter = section(model, "spade_generator_params")
    agree(
        [
            ("image_channel", encoder, found.volume.colours),
            ("block_expansion", encoder, found.volume.widths[0]),
            ("num_down_blocks", encoder, len(found.volume.widths) - 1),
            ("reshape_channel", encoder, found.volume.channels),
            ("reshape_depth", encoder, found.volume.depth),
            ("num_resblocks", encoder, found.volume.blocks),
            ("num_kp", extractor, found.extractor.keypoints),
            ("num_kp", warp, found.motion.keypoints),
            ("reshape_channel", warp, found.volume.channels),
            ("estimate_occlusion_map", warp, found.motion.occlusion),
            ("block_expansion", dense, found.motion.features),
            ("num_blocks", dense, found.motion.blocks),
            ("compress", dense, found.motion.compress),
            ("upscale", painter, found.painter.upscale),
        ]
    )


def _with_options(found: LivePortraitSettings, options: Configuration) -> LivePortraitSettings:
    dense = section(
        section(section(options, "model_params"), "warping_module_params"), "dense_motion_params"
    )
    stitching = options.get("flag_stitching", bool(found.stitching_widths))
    region = options.get("animation_region", found.region)
    if not isinstance(stitching, bool) or region not in get_args(Region):
        raise CheckpointError(
            "configuration: flag_stitching must be true or false, and animation_region one of "
            f"{', '.join(get_args(Region))}; got {stitching!r} and {region!r}"
        )
    if stitching and not found.stitching_widths:
        raise CheckpointError(
            f"stitching needs retarget_shoulder of {RETARGETING}.pth; put the file beside the "
            "others, or set flag_stitching to false"
        )
    if region in ("lip", "eyes") and found.motion.keypoints != 21:
        raise CheckpointError(
            f"configuration: animation_region {region} is known for 21 keypoints, not for "
            f"{found.motion.keypoints}"
        )
    return replace(
        found,
        stitching=stitching,
        multiplier=float(options.get("driving_multiplier", found.multiplier)),
        region=cast(Region, region),
        motion=replace(
            found.motion, variance=float(dense.get("kp_variance", found.motion.variance))
        ),
    )
