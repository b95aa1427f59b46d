"""Who drawn people are, and what they do at a moment: believable faces, and some that are not."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from reenact_training.synthetic.chance import chosen, normal, uniform
from reenact_training.synthetic.people.batch import Rows

WIDEST_GAZE = (32.0, 24.0)
"""Degrees that eyes look aside, and up or down."""
LID_DEGREES = 28.0
"""A gaze so far moves the lids by their whole expression."""


@dataclass(frozen=True, slots=True, eq=False)
class Acting(Rows):
    """N moments of people."""

    identity: Tensor
    """(N, I) of the head model."""
    stretch: Tensor
    """(N, 3): how much wider, taller and deeper heads are than the model has them."""
    expression: Tensor
    """(N, E) of the head model; eyes that open farther than the model's have negative blinks."""
    gaze: Tensor
    """(N, 2) degrees to the image's right and down."""


def sample_acting(
    generator: Generator, names: tuple[str, ...], identities: int, count: int, moments: int = 2
) -> Acting:
    """Random people, each at some moments.

    Args:
        names: of the head model's expressions
        identities: how many weights a person has
        moments: how many rows running are one person
    """
    people = (count + moments - 1) // moments
    who = torch.arange(count) // moments
    strength = uniform(generator, people, 1, low=0.5, high=1.5)
    identity = (normal(generator, people, identities) * strength)[who]
    stretch = 1 + (normal(generator, people, 3) * torch.tensor([0.03, 0.035, 0.03]))[who]
    open_eyes = uniform(generator, people, low=-0.42, high=0.08)[who]
    expression, gaze = sample_expressions(generator, names, count, open_eyes)
    return Acting(identity, stretch, expression, gaze)


class _Face:
    """Expressions that are put together."""

    def __init__(self, generator: Generator, names: tuple[str, ...], count: int) -> None:
        self.values = torch.zeros(count, len(names))
        self.generator, self.names, self.count = generator, names, count

    def add(self, name: str, value: Tensor) -> None:
        self.values[:, self.names.index(name)] += value

    def get(self, name: str) -> Tensor:
        return self.values[:, self.names.index(name)]

    def both(self, name: str, value: Tensor, uneven: float = 0.12) -> None:
        """On both sides, not quite alike; on one side alone now and then."""
        lean = normal(self.generator, self.count, spread=uneven)
        alone = chosen(self.generator, self.count, 0.06) * self.sign()
        for side, sign in (("_L", 1.0), ("_R", -1.0)):
            share = (1 + sign * lean) * (1 - (alone * sign).clamp(min=0))
            self.add(name + side, value * share.clamp(0, 1.5))

    def sign(self) -> Tensor:
        return torch.where(uniform(self.generator, self.count) < 0.5, -1.0, 1.0)

    def some(self, share: float, low: float = 0.0, high: float = 1.0, power: float = 1.0) -> Tensor:
        """Random values in a share of the moments, else 0."""
        value = uniform(self.generator, self.count).pow(power) * (high - low) + low
        return chosen(self.generator, self.count, share) * value


def sample_expressions(
    generator: Generator, names: tuple[str, ...], count: int, open_eyes: Tensor
) -> tuple[Tensor, Tensor]:
    """Expressions (N, E) and gazes (N, 2).

    Args:
        open_eyes: (N,) the blink of people's open eyes
    """
    face = _Face(generator, names, count)
    _mouths(face)
    _brows(face)
    gaze = _eyes(face, open_eyes)
    wild = chosen(generator, count, 0.5)[:, None] * (
        torch.rand(count, len(names), generator=generator) < 0.06
    )
    amount = torch.rand(count, len(names), generator=generator).pow(1.5)
    calm = torch.tensor(["eye" not in name and name != "jawOpen" for name in names])
    values = face.values + wild * amount * calm * 0.8
    lowest = torch.zeros(len(names))
    lowest[[names.index(name) for name in ("eyeBlink_L", "eyeBlink_R")]] = -0.45
    values = torch.maximum(values.clamp(max=1.1), lowest)
    close, jaw = names.index("mouthClose"), names.index("jawOpen")
    values[:, close] = torch.minimum(values[:, close], values[:, jaw])
    return values, gaze


def _mouths(face: _Face) -> None:
    """Speech, smiles with lips shut and parted, frowns, pressed lips, mouths wide open."""
    talk, shout = face.some(0.5, 0.02, 0.5, 1.4), face.some(0.14, 0.4, 1.0)
    jaw = torch.maximum(talk, shout)
    face.add("jawOpen", jaw)
    face.add("mouthClose", jaw * face.some(0.22, 0.3, 1.0))
    speech = (jaw > 0).float()
    face.add("mouthFunnel", speech * face.some(0.25, 0.1, 0.9))
    face.add("mouthPucker", face.some(0.14, 0.1, 1.0))
    for name, share in (("mouthLowerDown", 0.25), ("mouthUpperUp", 0.18), ("mouthStretch", 0.12)):
        face.both(name, face.some(share, 0.1, 0.8))
    smile = face.some(0.38, 0.1, 1.0)
    face.both("mouthSmile", smile, 0.18)
    face.both("cheekSquint", smile * uniform(face.generator, face.count))
    face.both("eyeSquint", smile * uniform(face.generator, face.count, high=0.7))
    face.both("mouthDimple", smile * face.some(0.3, 0.0, 0.7))
    grin = (smile > 0.3).float() * chosen(face.generator, face.count, 0.6)
    face.both("mouthUpperUp", grin * smile * uniform(face.generator, face.count, high=0.6))
    face.both("mouthLowerDown", grin * smile * uniform(face.generator, face.count, high=0.6))
    face.both("mouthFrown", face.some(0.14, 0.1, 1.0) * (smile == 0))
    face.both("mouthPress", face.some(0.12, 0.1, 0.9) * (jaw == 0))
    for name, share in (
        ("mouthRollLower", 0.1), ("mouthRollUpper", 0.08), ("mouthShrugLower", 0.1),
        ("mouthShrugUpper", 0.07), ("jawForward", 0.05),
    ):  # fmt: skip
        face.add(name, face.some(share, 0.1, 0.8))
    for name in ("mouth", "jaw"):
        aside = face.some(0.08, 0.1, 0.7) * face.sign()
        face.add(f"{name}Left", aside.clamp(min=0))
        face.add(f"{name}Right", (-aside).clamp(min=0))
    face.both("cheekPuff", face.some(0.04, 0.2, 0.8))
    face.both("noseSneer", face.some(0.1, 0.1, 0.9))


def _brows(face: _Face) -> None:
    """Up, down, up in the middle, one alone; at rest in a third of the moments."""
    kind = torch.multinomial(
        torch.tensor([0.32, 0.28, 0.20, 0.10, 0.10]), face.count, replacement=True,
        generator=face.generator,
    )  # fmt: skip
    amount = uniform(face.generator, face.count, low=0.1, high=1.1)
    part = uniform(face.generator, face.count, low=0.6)
    raised, lowered, sad, single = (amount * (kind == k) for k in (1, 2, 3, 4))
    face.both("browInnerUp", raised * part + sad)
    face.both("browOuterUp", raised)
    face.both("browDown", lowered + sad * face.some(0.3, 0.0, 0.5))
    left = chosen(face.generator, face.count, 0.5)
    for side, on in (("_L", left), ("_R", 1 - left)):
        face.add("browOuterUp" + side, single * on)
        face.add("browInnerUp" + side, single * on * part)
        face.add("browDown" + side, single * (1 - on) * face.some(0.5, 0.0, 0.7))


def _eyes(face: _Face, open_eyes: Tensor) -> Tensor:
    """Lids and where the eyes look."""
    generator, count = face.generator, face.count
    aside = chosen(generator, count, 0.6)
    x = normal(generator, count, spread=3.0) + aside * uniform(generator, count, low=-1) * 32
    y = normal(generator, count, spread=3.0) + chosen(generator, count, 0.4) * uniform(
        generator, count, low=-18, high=22
    )
    gaze = torch.stack(
        [x.clamp(-WIDEST_GAZE[0], WIDEST_GAZE[0]), y.clamp(-WIDEST_GAZE[1], WIDEST_GAZE[1])], 1
    )
    right, down = (gaze / LID_DEGREES).unbind(1)
    for side, sign in (("_L", 1.0), ("_R", -1.0)):  # the head's left is at the image's right
        face.add("eyeLookOut" + side, (right * sign).clamp(min=0))
        face.add("eyeLookIn" + side, (-right * sign).clamp(min=0))
        face.add("eyeLookDown" + side, down.clamp(min=0) * 0.8)
        face.add("eyeLookUp" + side, (-down).clamp(min=0))
    shut, between = chosen(generator, count, 0.14), face.some(0.22, 0.0, 0.9)
    blink = torch.where(shut > 0, uniform(generator, count, low=0.85, high=1.05), between)
    calm = torch.where(blink > 0, torch.maximum(blink, open_eyes), open_eyes)
    wink = chosen(generator, count, 0.05)
    left = chosen(generator, count, 0.5)
    for side, on in (("_L", left), ("_R", 1 - left)):
        one = torch.where(wink * on > 0, uniform(generator, count, low=0.4), calm)
        face.add("eyeBlink" + side, one + normal(generator, count, spread=0.02))
    face.both("eyeWide", face.some(0.14, 0.1, 1.0) * (blink <= 0))
    face.both("eyeSquint", face.some(0.15, 0.1, 0.8))
    return gaze
