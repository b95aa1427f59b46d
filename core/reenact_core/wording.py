"""Numbers as sentences have them."""

from fractions import Fraction


def amount(count: int | float | Fraction | str, noun: str) -> str:
    """`1 frame`, `24 frames`; a string is a number as it is shown."""
    shown = f"{count:g}" if isinstance(count, float) else str(count)
    return f"{shown} {noun}" if shown == "1" else f"{shown} {noun}s"
