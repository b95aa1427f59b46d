"""`reenact track`: the faces of a video, to be looked at, corrected and given to `render`."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reenact_cli.networks import detector_named, reader_named
from reenact_cli.options import (
    FILE,
    Output,
    output_options,
    overwrite_option,
    reader_option,
    settings_option,
    tracker_option,
)
from reenact_cli.show import counted, print_result
from reenact_core.timing import said
from reenact_core.wording import amount

if TYPE_CHECKING:
    from reenact_core.files import Admit
    from reenact_core.media.codecs import EncodeSettings
    from reenact_core.media.probe import MediaInfo
    from reenact_core.models.readers.reader import Reader, ReaderChoice
    from reenact_core.settings import Settings
    from reenact_core.tracking.track import FaceTrack


@click.command("track")
@click.argument("video", type=FILE)
@click.option(
    "-o", "--out", "out", type=FILE, required=True, metavar="TRACKS.json", help="The file to write."
)
@click.option(
    "--overlay", type=FILE, metavar="OUT.mp4", help="Also write the video with its faces drawn in."
)
@overwrite_option
@tracker_option
@reader_option("Who reads the landmarks", "embedded")
@settings_option
@output_options
def command(
    video: Path,
    out: Path,
    overlay: Path | None,
    overwrite: bool,
    tracker: str,
    reader: "ReaderChoice | None",
    settings_file: Path | None,
    output: Output,
) -> None:
    """Find the faces of VIDEO and write them as JSON.

    The file can be corrected by hand and given to `reenact render --tracks`.

    \b
    Example:
      reenact track close_up.mov -o tracks.json --overlay look.mp4
    """
    from reenact_core.engine.animate_output import encode_settings
    from reenact_core.engine.out_folder import user_journal
    from reenact_core.media.probe import probe
    from reenact_core.settings import settings_for
    from reenact_core.tracking.tracks_file import TracksFile, write_tracks

    settings = settings_for(file=settings_file)
    chosen = reader_named(reader or "embedded")
    journal = user_journal(out.parent, "track", overwrite=overwrite)
    journal.require([out] if overlay is None else [out, overlay])
    info = probe(video)
    encode = None if overlay is None else encode_settings(info, overlay, "h264")[0]
    tracks = _find(info, settings, tracker, output)
    if chosen.name != "embedded":  # which has read them already
        tracks = _read_again(info, tracks, chosen, settings, output)
    held = TracksFile(_beside(video, out), info.rate, tuple(tracks))
    write_tracks(out, held, admit=journal.admit)
    if overlay is not None and encode is not None:
        _write_overlay(overlay, info, tracks, encode, journal.admit, output)
    result = {
        "tracks_file": str(out),
        "overlay": overlay and str(overlay),
        "video": str(video),
        "reader": chosen.name,
        "frames": info.frame_count,
        "tracks": [track_table(track) for track in tracks],
    }
    print_result(result, _lines(result), as_json=output.as_json)


def _beside(video: Path, out: Path) -> Path:
    """The video as seen from the tracks file's folder; absolute where it lies elsewhere."""
    video, folder = video.resolve(), out.resolve().parent
    return video.relative_to(folder) if video.is_relative_to(folder) else video


def _find(
    info: "MediaInfo", settings: "Settings", tracker: str, output: Output
) -> "list[FaceTrack]":
    from reenact_core.media.decode import decode
    from reenact_core.timing import FrameRange
    from reenact_core.tracking.faces import find_faces

    detector = detector_named(tracker)
    frames = FrameRange(0, info.frame_count, info.rate)
    with closing(decode(info, frames)) as pictures:
        shown = counted(pictures, len(frames), "track", output.progress)
        return find_faces(shown, frames, settings.track, detector)


def _read_again(
    info: "MediaInfo",
    tracks: "Sequence[FaceTrack]",
    reader: "Reader",
    settings: "Settings",
    output: Output,
) -> "list[FaceTrack]":
    from reenact_core.engine.read_again import read_again
    from reenact_core.media.decode import decode
    from reenact_core.timing import FrameRange

    frames = FrameRange(0, info.frame_count, info.rate)
    with closing(decode(info, frames)) as pictures:
        shown = counted(pictures, len(frames), "read", output.progress)
        return read_again(shown, tracks, reader, settings.crop, info.pixel_aspect)


def _write_overlay(
    path: Path,
    info: "MediaInfo",
    tracks: "Sequence[FaceTrack]",
    settings: "EncodeSettings",
    admit: "Admit",
    output: Output,
) -> None:
    from reenact_core.media.decode import decode
    from reenact_core.media.encode import open_encoder
    from reenact_core.report.overlay import draw_tracks
    from reenact_core.timing import FrameRange

    frames = FrameRange(0, info.frame_count, info.rate)
    with (
        closing(decode(info, frames)) as pictures,
        open_encoder(path, info, frames, settings, admit=admit) as encoder,
    ):
        for picture in counted(pictures, len(frames), "overlay", output.progress):
            encoder.write(draw_tracks(picture, tracks))


def track_table(track: "FaceTrack") -> dict[str, Any]:
    """A track in a few plain values."""
    seen = track.confidence > 0
    return {
        "id": track.face_id,
        "start": track.frames.start,
        "stop": track.frames.stop,
        "seen": int(seen.sum()),
        "confidence": round(float(track.confidence[seen].mean()), 3) if seen.any() else 0.0,
    }


def _lines(result: dict[str, Any]) -> Iterator[str]:
    tracks = result["tracks"]
    if not tracks:
        yield f"{result['video']}: no face was found in {amount(result['frames'], 'frame')}"
    for track in tracks:
        span = said([range(track["start"], track["stop"])])
        yield f"face {track['id']}: {span}, seen in {track['seen']}, sure {track['confidence']:.2f}"
    for key in ("tracks_file", "overlay"):
        if result[key]:
            yield f"wrote {result[key]}"
