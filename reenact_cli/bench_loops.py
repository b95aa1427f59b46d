"""Upstream's animation loop of each method: a frame at a time, in the order of upstream's demo.

Keypoints of the source and of the first driving frame are found once. All but LivePortrait's work
out the source's features anew for every frame.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import singledispatch

import torch
from torch import Tensor

from reenact_core.models.integrators.dagan import Dagan
from reenact_core.models.integrators.fomm import Fomm
from reenact_core.models.integrators.liveportrait import LivePortrait
from reenact_core.models.integrators.osfv import Osfv, posed
from reenact_core.models.integrators.table import Integrator
from reenact_core.models.integrators.tpsmm import Tpsmm
from reenact_core.models.relative_motion import carry_over

Step = Callable[[Tensor], Tensor]
"""The face (1, 3, h, w) of a driving frame (1, 3, H, W)."""


@torch.inference_mode()
def straightforward(network: Integrator, source: Tensor, driving: Tensor) -> Tensor:
    """Upstream's loop over driving frames (N, 3, H, W), on the CPU when it is through."""
    step = begun(network, source, driving[:1])
    return torch.cat([step(frame).cpu() for frame in torch.split(driving, 1)])


@singledispatch
def begun(network: Integrator, source: Tensor, initial: Tensor) -> Step:
    """What upstream does before its loop, and then for each frame.

    Of a method whose upstream is not known here: all anew for every frame.
    """
    return lambda frame: network.reenact(source, initial, frame, None, None)


@begun.register
def _(network: Fomm, source: Tensor, initial: Tensor) -> Step:
    resting, start = network.detect(source), network.detect(initial)

    def step(frame: Tensor) -> Tensor:
        moved = carry_over(resting, start, network.detect(frame), 1.0)
        again = network.generator.encode(source)
        picture: Tensor = network.generator(again, resting, moved).picture
        return picture

    return step


@begun.register
def _(network: Tpsmm, source: Tensor, initial: Tensor) -> Step:
    once, start = network.encode(source), network.detect(initial)

    def step(frame: Tensor) -> Tensor:
        moved = network.carried(once.keypoints, start, network.detect(frame), True)
        small = network.dense_motion_network.down(source)
        levels = network.inpainting_network.encode(source)
        return network.render(replace(once, small=small, levels=levels), moved).picture

    return step


@begun.register
def _(network: Dagan, source: Tensor, initial: Tensor) -> Step:
    depth, resting, start = network.depth(source), network.detect(source), network.detect(initial)

    def step(frame: Tensor) -> Tensor:
        moved = carry_over(resting, start, network.detect(frame), 1.0)
        return network.render(network.generator.encode(source, depth, resting), moved).picture

    return step


@begun.register
def _(network: Osfv, source: Tensor, initial: Tensor) -> Step:
    once = network.encode(source)
    start = posed(once.canonical, network.heads(initial))

    def step(frame: Tensor) -> Tensor:
        found = posed(once.canonical, network.heads(frame))
        moved = carry_over(once.keypoints, start, found, 1.0)
        again = replace(once, volume=network.generator.encode(source))
        return network.render(again, moved).picture

    return step


@begun.register
def _(network: LivePortrait, source: Tensor, initial: Tensor) -> Step:
    once, start = network.encode(source), network.motion(initial)

    def step(frame: Tensor) -> Tensor:
        moved = network.targets(once, start, network.motion(frame))
        return network.render(once, network.finished(once, moved)).picture

    return step
