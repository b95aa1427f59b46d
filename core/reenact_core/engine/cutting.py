"""Faces of files found and cut out to disk, with progress: what every job begins with."""

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack

from reenact_core.engine.cut_face import (
    CutFace,
    face_of,
    sample_bytes,
    sample_type,
    with_edges,
    write_crops,
)
from reenact_core.engine.edges import CutWatch
from reenact_core.engine.events import Progress
from reenact_core.engine.footage import Footage, tracks_of
from reenact_core.engine.spool import open_spool
from reenact_core.engine.workshop import Workshop
from reenact_core.media.decode import decode
from reenact_core.tracking.track import FaceTrack

Wanted = Mapping[Footage, Iterable[FaceTrack]]
"""The tracks of each file that are to be cut out."""


def follow_faces(
    shot_id: str, files: Sequence[Footage], workshop: Workshop
) -> Generator[Progress, None, list[tuple[FaceTrack, ...]]]:
    """The faces of every file; each frame counts twice, for it is decoded and then searched.

    Raises:
        MediaError: a frame cannot be decoded.
        FaceError: a file shows no face.
    """
    total = 2 * sum(len(file.frames) for file in files)
    found: list[tuple[FaceTrack, ...]] = []
    before = 0
    for file in files:
        after = before + 2 * len(file.frames)
        search = tracks_of(file, workshop)
        while True:
            try:
                done = min(before + next(search), after)
            except StopIteration as stop:
                found.append(stop.value)
                break
            yield Progress(shot_id, "track", done, total)
        before = after
        yield Progress(shot_id, "track", before, total)
    return found


def cut_faces(
    shot_id: str, wanted: Wanted, workshop: Workshop, stack: ExitStack
) -> Generator[Progress, None, dict[FaceTrack, CutFace]]:
    """The crops of all tracks in use, on disk for as long as `stack` lives.

    Raises:
        MediaError: a frame cannot be decoded.
        OutputError: the disk is full.
    """
    total = sum(len(file.frames) for file in wanted)
    faces: dict[FaceTrack, CutFace] = {}
    done = 0
    for number, (file, tracks) in enumerate(wanted.items()):
        fresh = _open_faces(f"{shot_id}-{number}", file, tracks, workshop, stack)
        watch = CutWatch(track.frames for track in fresh)
        pictures = decode(file.info, file.frames)
        try:
            for count in write_crops(watch.passing(pictures), list(fresh.values())):
                yield Progress(shot_id, "cut", done + count, total)
        finally:
            pictures.close()
        done += len(file.frames)
        for track, face in fresh.items():
            edges = watch.edges_of(track.frames, file.frames)
            faces[track] = with_edges(face, edges, workshop.settings)
    return faces


def crop_bytes(file: Footage, frame_count: int, workshop: Workshop) -> int:
    """What the crops of so many frames take on disk."""
    samples = workshop.settings.crop.size**2 * 3
    return frame_count * samples * sample_bytes(file.info.layout)


def _open_faces(
    name: str,
    file: Footage,
    tracks: Iterable[FaceTrack],
    workshop: Workshop,
    stack: ExitStack,
) -> dict[FaceTrack, CutFace]:
    size = workshop.settings.crop.size
    faces: dict[FaceTrack, CutFace] = {}
    for track in tracks:
        path = workshop.folder.spool / f"{name}-{track.face_id}.crops"
        spool = open_spool(path, (size, size, 3), sample_type(file.info.layout))
        faces[track] = face_of(track, file.info, workshop.settings, stack.enter_context(spool))
    return faces
