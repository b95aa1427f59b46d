"""Retimes: how fast an item's content runs, and which content an output stretch shows."""

from fractions import Fraction
from math import isfinite
from typing import Any

import opentimelineio as otio

from reenact_core.errors import TimelineError
from reenact_core.timeline.effects import plain
from reenact_core.timeline.spans import Span


def speed_of(item: Any) -> Fraction:
    """How fast an item's content runs: 1 as shot, 2 double, -1 backwards, 0 frozen.

    Several linear time warps multiply. Disabled effects do not count.

    Raises:
        TimelineError: a time effect of another kind, named.
    """
    speed = Fraction(1)
    for effect in item.effects:
        if not effect.enabled:
            continue
        if isinstance(effect, otio.schema.TimeEffect):
            speed *= _scalar(effect)
        elif _is_remap(effect):
            raise _unsupported(effect)
    return speed


def content(shown: Span, own: Span, speed: Fraction) -> Span:
    """The content that a stretch of output shows.

    Convention:
        shown: seconds from the item's first output moment; may reach beyond both ends (handles)
        own: the item's range in its own time; its length is the length of the output
        result: in the item's own time. Backwards, the same content is used as forwards,
            from its end to its start.
    """
    if speed == 0:
        return Span(own.start, own.start)
    if speed > 0:
        return Span(own.start + shown.start * speed, own.start + shown.stop * speed)
    tail, head = own.length - shown.stop, own.length - shown.start
    return Span(own.start - tail * speed, own.start - head * speed)


def _scalar(effect: Any) -> Fraction:
    if isinstance(effect, otio.schema.FreezeFrame):
        return Fraction(0)
    if not isinstance(effect, otio.schema.LinearTimeWarp):
        raise _unsupported(effect)
    if not isfinite(effect.time_scalar):
        raise TimelineError(f"a linear time warp of {effect.time_scalar} cannot be used; mend it")
    return Fraction(effect.time_scalar).limit_denominator(1_000_000)


def _unsupported(effect: Any) -> TimelineError:
    name = effect.effect_name or effect.name or effect.schema_name()
    return TimelineError(
        f'the time effect "{name}" is not supported, only linear time warps and freezes are; '
        "render it into the media, or remove it"
    )


def _is_remap(effect: Any) -> bool:
    """Whether a filter of an FCP XML file changes speed, which its adapter reads as any filter."""
    table = plain(effect.metadata.get("fcp_xml"))
    if not isinstance(table, dict) or table.get("effectid") != "timeremap":
        return False
    parameters = table.get("parameter")
    listed = parameters if isinstance(parameters, list) else [parameters]
    values = {
        item.get("parameterid"): str(item.get("value")) for item in listed if isinstance(item, dict)
    }
    plays_as_shot = (
        values.get("speed") in ("100", "100.0")
        and values.get("reverse", "FALSE").upper() == "FALSE"
        and values.get("variablespeed", "0") == "0"
    )
    return not plays_as_shot
