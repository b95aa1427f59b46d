"""Face crops of people on the head model, with their truth in the terms of the face points."""

import torch
from torch import Tensor

from reenact_training.synthetic.crops import Crops
from reenact_training.synthetic.people.acting import WIDEST_GAZE, Acting
from reenact_training.synthetic.people.draw import draw_people
from reenact_training.synthetic.people.framing import registration
from reenact_training.synthetic.people.surface import load_surface

CHUNK = 4
"""People that are drawn at once."""


@torch.inference_mode()
def people_crops(
    seed: int, count: int, size: int = 192, *, device: torch.device | str = "cpu"
) -> Crops:
    """Random crops of people, the same for the same seed."""
    chunks = [
        _chunk(seed * 1000 + start // CHUNK, min(CHUNK, count - start), size, device)
        for start in range(0, count, CHUNK)
    ]
    return Crops(*(torch.cat([getattr(c, name) for c in chunks]) for name in Crops.__slots__))


def _chunk(seed: int, count: int, size: int, device: torch.device | str) -> Crops:
    people = draw_people(seed, count, size, device=device)
    view, ours = people.view, registration()
    rotation, origin = (value.to(view.rotation) for value in (ours.rotation, ours.origin))
    points = people.points.clone()
    points[..., 2] -= (view.rotation @ origin)[:, 2:] * view.scale[:, None]
    return Crops(
        (people.images * 255 + 0.5).to(torch.uint8), points, people.visible,
        view.rotation @ rotation.mT, expression_of(people.acting), people.shown,
    )  # fmt: skip


def expression_of(acting: Acting) -> Tensor:
    """The 12 values of `models.face_points.EXPRESSIONS`, (N, 12)."""
    names, values = load_surface().head.expression_names, acting.expression

    def of(name: str) -> Tensor:
        return values[:, names.index(name)]

    def both(name: str) -> Tensor:
        return (of(name + "_L") + of(name + "_R")) / 2

    brows = [
        (of("browInnerUp" + side) + of("browOuterUp" + side)) / 2 - of("browDown" + side)
        for side in ("_R", "_L")  # the head's right is at the image's left
    ]
    across, down = (acting.gaze / acting.gaze.new_tensor(WIDEST_GAZE)).unbind(1)
    told = [
        of("jawOpen") - of("mouthClose"), both("mouthSmile") - both("mouthFrown"),
        (of("mouthPucker") + of("mouthFunnel")) / 2 - both("mouthStretch"), both("mouthUpperUp"),
        both("mouthPress"), *brows, both("browDown"), of("eyeBlink_R"), of("eyeBlink_L"), across,
        down,
    ]  # fmt: skip
    lowest = values.new_tensor([0, -1, -1, 0, 0, -1, -1, 0, -0.3, -0.3, -1, -1])
    return torch.maximum(torch.stack(told, 1), lowest).clamp(max=1)
