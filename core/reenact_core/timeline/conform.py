"""From what an edit shows of a clip to frames of its media."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from reenact_core.errors import TimelineError
from reenact_core.media.sequence import MOST_FRAMES, frame_path
from reenact_core.timeline.clip_media import ClipMedia
from reenact_core.timeline.spans import Span, exact_rate, to_frames
from reenact_core.timeline.walk import Place
from reenact_core.timing import FrameRange
from reenact_core.wording import amount


@dataclass(frozen=True, slots=True)
class Fit:
    """A clip's frames."""

    target: FrameRange
    """What is rendered: `shown` and handles."""
    shown: FrameRange
    """What the edit shows, transitions included."""
    start_time: Fraction
    """Time of the media's frame 0 in the clock of the clip's source range, in frames of `clock`."""
    clock: Fraction
    """Frames a second of that clock."""
    notes: tuple[str, ...] = ()
    uneven: Span | None = None
    """When `target` is shown in that clock, in seconds, where frames are not evenly spaced."""

    @property
    def origin(self) -> Fraction:
        """Time of frame 0 in the clock of the clip's source range, in seconds."""
        return self.start_time / self.clock


def conform(place: Place, media: ClipMedia, handles: int) -> Fit:
    """The frames of the media to render for a clip.

    A still picture counts as a film of frames of the edit, as long as it is seen; it has no
    handles. A clip without a source range shows all of its media, and stays so.

    Raises:
        TimelineError: nothing of the clip is seen, or none of it is in the media.
    """
    if place.fault is not None:
        raise TimelineError(place.fault)
    if place.own is None:
        raise TimelineError("it says no range, and its media has none; give it a source range")
    if place.seen is None:
        raise TimelineError("nothing of it is seen in the edit; give it a length, or untrim it")
    return _still(place, place.seen) if media.still else _film(place, place.seen, media, handles)


def _still(place: Place, seen: Span) -> Fit:
    written = place.clip.source_range
    if written is None:
        raise TimelineError("it is a picture without a length; give the clip a source range")
    rate = exact_rate(written.duration.rate)
    frames = FrameRange(*to_frames(seen, seen.start, rate), rate)
    if len(frames) > MOST_FRAMES:
        raise TimelineError(
            f"it is a picture that is seen for {len(frames)} frames; trim it to {MOST_FRAMES}"
        )
    frozen = (
        "it is a picture under a freeze: one frame is rendered; remove the freeze to see motion"
    )
    return Fit(frames, frames, seen.start * rate, rate, (frozen,) if place.speed == 0 else ())


def _film(place: Place, seen: Span, media: ClipMedia, handles: int) -> Fit:
    own = place.cut or seen
    origin, notes = _origin(own, media, place)
    file = FrameRange(0, media.frame_count, media.rate)
    if place.clip.source_range is None and place.own is not None:
        seen, handles = place.own, 0
    wanted = media.frames(seen, origin)
    shown = FrameRange(max(0, wanted[0]), max(0, *wanted), media.rate).intersect(file)
    if not len(shown):
        raise TimelineError(
            f"it shows frames {wanted[0]} to {wanted[1] - 1} of {media.path.name}, which has "
            f"{media.frame_count}; relink the clip to its own media"
        )
    target = shown.widen(handles, handles).intersect(file)
    notes += tuple(_missing(media.frames(own, origin), media))
    target, holes = _without_holes(target, shown, media)
    notes += holes
    uneven = None if media.times is None else media.span(target, origin)
    return Fit(target, shown, origin * media.clock, media.clock, notes, uneven)


def _without_holes(
    target: FrameRange, shown: FrameRange, media: ClipMedia
) -> tuple[FrameRange, tuple[str, ...]]:
    """The frames of an image sequence that can be rendered, and what to say of missing images.

    Raises:
        TimelineError: an image is missing that the edit shows, and nothing may stand for it.
    """
    holes = sorted(frame for frame in media.absent if frame in target)
    if not holes:
        return target, ()
    if media.missing != "error":
        stand = "the image before each" if media.missing == "hold" else "black"
        return target, (f"{_images(holes, media)} missing; {stand} is taken (its policy)",)
    inside = [frame for frame in holes if frame in shown]
    if inside:
        raise TimelineError(
            f"{_images(inside, media)} missing; put the images back, or say what stands for "
            "them by the sequence's missing_frame_policy (hold or black)"
        )
    start = max((frame + 1 for frame in holes if frame < shown.start), default=target.start)
    stop = min((frame for frame in holes if frame >= shown.stop), default=target.stop)
    note = f"{_images(holes, media)} missing; its handles end there"
    return FrameRange(start, stop, target.rate), (note,)


def _images(frames: Sequence[int], media: ClipMedia) -> str:
    """`sh.1008.png to sh.1009.png (frames 7-8) are`, and how many stretches more there are."""
    stretches: list[list[int]] = []
    for frame in frames:
        if stretches and frame == stretches[-1][1] + 1:
            stretches[-1][1] = frame
        else:
            stretches.append([frame, frame])
    parts = [
        f"{_image(start, media)} (frame {start})"
        if start == stop
        else f"{_image(start, media)} to {_image(stop, media)} (frames {start}-{stop})"
        for start, stop in stretches[:3]
    ]
    more = f" and {len(stretches) - 3} stretches more" if len(stretches) > 3 else ""
    return f"{', '.join(parts)}{more} {'is' if len(frames) == 1 else 'are'}"


def _image(frame: int, media: ClipMedia) -> str:
    number = (media.first_number or 0) + frame * media.number_step
    return frame_path(media.path, number).name


def _missing(wanted: tuple[int, int], media: ClipMedia) -> Iterator[str]:
    """A frame more than the media has is a matter of rounding; two are worth a word."""
    lacking = max(0, -wanted[0]) + max(0, wanted[1] - media.frame_count)
    if lacking > 1:
        yield (
            f"{media.path.name} lacks {lacking} of the frames that the edit shows "
            f"(it has {media.frame_count}); they stay without picture"
        )


def _origin(own: Span, media: ClipMedia, place: Place) -> tuple[Fraction, tuple[str, ...]]:
    """The time of frame 0 in the clock of the source range, in seconds."""
    available = media.available
    for shift, note in _shifts(own, media, place):
        if own.length == 0 and available.start <= own.start + shift < available.stop:
            return media.origin - shift, note
        met = own.moved(shift).meet(available)
        if met is not None and met.length > 0:
            return media.origin - shift, note
    frames = [round(time * media.clock) for time in (own.start, own.stop)]
    held = [round(time * media.clock) for time in (available.start, available.stop)]
    raise TimelineError(
        f"it shows {frames[0]} to {frames[1]} in its media's clock, but {media.path.name} reaches "
        f"from {held[0]} to {held[1]}; relink the clip, or mend its source range"
    )


def _shifts(
    own: Span, media: ClipMedia, place: Place
) -> Iterator[tuple[Fraction, tuple[str, ...]]]:
    """Ways to read a source range, the likeliest first: seconds to add to it, and what to say."""
    yield Fraction(0), ()
    start = media.available.start
    if start != 0:
        frame = round(start * media.clock)
        note = f"its source range counts from 0 and its media from {frame}; taken from there"
        yield start, (note,)
    written = place.clip.source_range
    said = exact_rate(written.start_time.rate) if written is not None else media.clock
    if said != media.clock and round(said) == round(media.clock):
        rate = amount(float(said), "frame")
        note = f"its source range says {rate} a second; taken as frame numbers"
        yield own.start * said / media.clock - own.start, (note,)
    if media.first_number is not None and media.declared is None:
        yield -Fraction(media.first_number, media.number_step) / media.clock, ()
