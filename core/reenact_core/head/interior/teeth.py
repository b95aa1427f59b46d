"""Where on the head model's rows of teeth a tooth is, and where the gap beside it or the gum.

The model's teeth are a few triangles each. So their outlines are drawn instead: crowns of usual
heights on the ellipse that the outer sides of both rows follow, as wide as the model's own.

Convention:
    places: on the mean head at rest, cm, axes as in `head.model`; those of the lower row too, whose
        vertices move with the jaw
"""

import torch
from torch import Tensor

WIDE_CM, DEEP_CM, BACK_CM = 2.95, 5.5, -5.2
"""The ellipse's half axes across and in depth, and where it begins."""
OUTER = (0.88, 0.94)
"""Shares of the ellipse between which the inner side of the rows passes into the outer."""
UPPER_ENDS, LOWER_ENDS = (
    (0.0, 0.296, 0.53, 0.74, 0.93, 1.12, 1.45, 1.8),
    (0.0, 0.19, 0.39, 0.62, 0.80, 0.98, 1.32, 1.8),
)
"""Angles on the ellipse at which one tooth ends and the next begins, from the middle."""
UPPER_CROWNS, LOWER_CROWNS = (
    (1.0, 0.86, 0.95, 0.82, 0.78, 0.74, 0.7),
    (0.84, 0.86, 0.96, 0.82, 0.78, 0.74, 0.7),
)
"""Heights of their crowns, cm."""
UPPER_EDGE, UPPER_RISE, LOWER_EDGE, LOWER_RISE = 3.50, 0.24, 3.42, 0.17
"""Where the edges of the front teeth lie, and how much higher those behind them do."""
PAPILLA = 0.3
"""How much of the crown's height the gum fills between two teeth."""
GUM_CM, GAP_CM = 0.05, 0.035
"""Over what a tooth passes into the gum, and how wide the shadow between two teeth is."""


def enamel(places: Tensor, lower: Tensor, blur: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """How far places (P, 3) are tooth and not gum, are on the outer side of the rows, and are
    darkened by the gap beside a tooth, each (P,) in [0, 1].

    Args:
        lower: (P,) bool, of the lower row
        blur: (P,) cm, size of what is looked at: nothing is drawn sharper
    """
    across, deep = places[:, 0].abs() / WIDE_CM, (BACK_CM - places[:, 2]) / DEEP_CM
    angle, radius = torch.atan2(across, deep), torch.hypot(across, deep)
    row = lower.long()
    ends = places.new_tensor([UPPER_ENDS, LOWER_ENDS])
    tooth = (angle[:, None] >= ends[row, 1:-1]).sum(1)
    begin, end = ends[row, tooth], ends[row, tooth + 1]
    from_middle = (2 * angle - begin - end) / (end - begin)
    crown = places.new_tensor([UPPER_CROWNS, LOWER_CROWNS])[row, tooth]
    crown = crown * (1 - PAPILLA * from_middle.square())
    edge = torch.where(
        lower, LOWER_EDGE - LOWER_RISE * angle.square(), UPPER_EDGE - UPPER_RISE * angle.square()
    )
    below_gum = torch.where(lower, edge + crown - places[:, 1], places[:, 1] - edge + crown)
    tooth_share = torch.sigmoid(below_gum / (0.5 * torch.hypot(blur, blur.new_tensor(GUM_CM))))
    outer = ((radius - OUTER[0]) / (OUTER[1] - OUTER[0])).clamp(0, 1)
    length = torch.hypot(WIDE_CM * angle.cos(), DEEP_CM * angle.sin())
    apart = torch.minimum(angle - begin, end - angle) * length
    wide = torch.hypot(blur, blur.new_tensor(GAP_CM))
    dark = GAP_CM / wide * torch.exp(-((apart / wide) ** 2))
    return tooth_share, outer, dark * outer
