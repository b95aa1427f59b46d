"""The paper's task: one still face, one driving video, one video of the face."""

import os
import shutil
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from reenact_core.crop.paste import paste
from reenact_core.devices import Compute, choose_compute
from reenact_core.engine.animate_output import (
    Canvas,
    encode_settings,
    face_canvas,
    output_path,
    painted,
    portrait_canvas,
)
from reenact_core.engine.cut_face import (
    CutFace,
    frame_seconds,
    sample_bytes,
    sample_type,
    write_crops,
)
from reenact_core.engine.cutting import crop_bytes, cut_faces, follow_faces
from reenact_core.engine.digest import Digests
from reenact_core.engine.driving import nearest_index
from reenact_core.engine.edges import TrackEdges
from reenact_core.engine.events import Event, Progress, ShotDone
from reenact_core.engine.footage import Footage
from reenact_core.engine.out_folder import files_of, user_journal
from reenact_core.engine.performer import Crops, Floats, Performer, Take
from reenact_core.engine.placement import crop_mask
from reenact_core.engine.portrait import Colours, Portrait, whole_frame
from reenact_core.engine.prepare import choose_in
from reenact_core.engine.resume import RunFolder, clear_partial
from reenact_core.engine.sources import large_portrait, new_size
from reenact_core.engine.spool import Spool, from_samples, open_spool, require_space, to_samples
from reenact_core.engine.stills import Stills, find_stills, whole_stills
from reenact_core.engine.stretches import true_stretches
from reenact_core.engine.workshop import Workshop
from reenact_core.errors import MediaError, OutputError
from reenact_core.frames import Picture
from reenact_core.geometry import Affine
from reenact_core.journal import Journal
from reenact_core.media.codecs import Codec, EncodeSettings
from reenact_core.media.decode import decode
from reenact_core.media.encode import open_encoder
from reenact_core.media.probe import MediaInfo, probe
from reenact_core.models.load import Models, load_models
from reenact_core.provenance.manifest import animation_deed
from reenact_core.provenance.mark import Marking, open_marking, sealed
from reenact_core.settings import Settings
from reenact_core.timeline.plan import Cast, FaceChoice, RenderedShot, Scheme, Shot, Source
from reenact_core.timeline.stills_folder import pictures_in
from reenact_core.timing import FrameRange, said
from reenact_core.tracking.detect import Detector
from reenact_core.tracking.embedded import EmbeddedDetector
from reenact_core.tracking.track import FaceTrack

CropMode = Literal["auto", "none"]


@dataclass(frozen=True, eq=False)  # no slots: it keeps what it was asked for
class Animation:
    """What is asked for."""

    source: Path
    """A picture of a face, a video whose first usable face counts, or a folder of pictures of one
    person."""
    driving: Path
    """A video of a face."""
    out: Path
    """The file to write; for picture files the folder."""
    scheme: Scheme = "subtle"
    crop: CropMode = "auto"
    """`none`: source and driving are face crops already; no face is looked for."""
    paste_back: bool = False
    """Put the moving face into the source picture instead of showing the crop alone."""
    codec: Codec = "match"
    marking: Marking | None = None
    """How the file is marked as synthetic; None: not at all."""
    overwrite: bool = False
    """A file that this tool did not make may be replaced."""

    @cached_property
    def pictures(self) -> tuple[Path, ...]:
        """The source, or all pictures of its folder."""
        return pictures_in(self.source) if self.source.is_dir() else (self.source,)


@dataclass(frozen=True, slots=True, eq=False)
class _Target:
    """What is written, and where."""

    canvas: Canvas
    size: int
    """Samples a side of the new faces."""
    encode: EncodeSettings
    output: Source
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Acting:
    """The driving faces, and which of their crops stands for each frame of the video."""

    faces: list[CutFace]
    actor: NDArray[np.int64]
    record: NDArray[np.int64]
    held: list[range]
    """Frames without a face, in which the nearest one stands still."""

    def driving(self) -> list[Crops]:
        """All driving crops that stand for frames."""
        return [
            Crops(face.crops, self.record[self.actor == number])
            for number, face in enumerate(self.faces)
        ]


def animate(
    source: str | Path,
    driving: str | Path,
    out: str | Path,
    *,
    models: Models | None = None,
    compute: Compute | None = None,
    settings: Settings | None = None,
    detector: Detector | None = None,
    installed: Path | None = None,
    scheme: Scheme = "subtle",
    crop: CropMode = "auto",
    codec: Codec = "match",
    paste_back: bool = False,
    overwrite: bool = False,
    marking: Marking | None = None,
) -> Generator[Event, None, None]:
    """Give the motion of a driving video to the face of a picture; the last event is `ShotDone`.

    As many frames come out as the driving video has, with its times and its sound. Nothing is done
    until the events are asked for; closing the generator removes what is unfinished.

    Args:
        models: None: the checkpoint that comes with reenact.
        compute: None: the best that this machine has.
        detector: finds the faces; None: the embedded one.
        installed: folder of the user's own weights, where readers of landmarks are looked for.
        overwrite: a file that this tool did not make may be replaced; without it it never is.
        marking: how the file is marked as synthetic; None: as this user's settings say.

    Raises:
        ReenactError: a file cannot be used, a face is missing, the result cannot be written.
    """
    from reenact_core.engine.performers import performer_of, with_reader

    marking = marking or open_marking()
    paths = Path(source), Path(driving), Path(out)
    job = Animation(*paths, scheme, crop, paste_back, codec, marking, overwrite)
    settings = settings or Settings()
    compute = compute or choose_compute()
    models = models or load_models(compute=compute)
    folders = [installed] if installed else []
    settings = with_reader(settings, models, folders)
    performer = performer_of(models, settings, compute, folders)
    yield from perform_animation(job, performer, settings, detector or EmbeddedDetector())


def perform_animation(
    job: Animation, performer: Performer, settings: Settings, detector: Detector
) -> Generator[Event, None, None]:
    """`animate`, with its parts given."""
    began = time.monotonic()
    with _scratch(job.out) as folder, ExitStack() as stack:
        workshop = Workshop(folder, settings, job.codec, detector, "", performer, "")
        clip = _driving(job.driving)
        shot = _shot(job, clip)
        stills = _stills(job, workshop)
        journal = user_journal(job.out.parent, "animate", overwrite=job.overwrite)
        # What cannot be written is told before the work, whichever picture will be the source.
        targets = [_target(job, clip, one, workshop) for one in stills.portraits]
        for target in targets:
            journal.require(files_of(target.output))
        largest = max(target.size for target in targets)
        acting = yield from _act(job, clip, largest, workshop, stack)
        main = stills.main(performer, acting.driving())
        portrait, target = stills.portraits[main], targets[main]
        canvas, size, output = target.canvas, target.size, target.output
        pictures = stills.paths(main)
        deed = animation_deed(pictures, shot.casts[0], pasted_back=job.paste_back)
        encode, seal = sealed(target.encode, job.marking, deed, journal)
        faces = _spool(f"{shot.shot_id}.faces", clip, size, workshop, stack)
        others = stills.others(main)
        yield from _move(shot, job, portrait, others, acting, faces, workshop, stack)
        opened = open_encoder(
            output.path, canvas.info, clip.frames, encode, seal=seal, admit=journal.admit
        )
        shown = portrait.at(size)
        with opened as encoder:
            for frame in range(len(clip.frames)):
                encoder.write(_painted(job, canvas, frame, shown, faces, settings))
                yield Progress(shot.shot_id, "paste", frame + 1, len(clip.frames))
        notes = [
            *target.notes,
            *stills.notes,
            *stills.told(main),
            *_notes(acting, clip),
            *seal.notes,
            *(job.marking.notes if job.marking else ()),
        ]
    seconds = round(time.monotonic() - began, 3)
    marks = seal.all_marks(encode)
    yield ShotDone(RenderedShot(shot, output, seconds, 1, tuple(notes), marks))


def _driving(path: Path) -> Footage:
    info = probe(path)
    if info.still:
        raise MediaError(f"{path}: is a still picture; a driving video is needed")
    return Footage(Source(path, FrameRange(0, info.frame_count, info.rate)), info)


def _shot(job: Animation, clip: Footage) -> Shot:
    first, *rest = job.pictures
    cast = Cast(FaceChoice(), "recast", first, None, None, job.scheme, stills=tuple(rest))
    name = job.out.stem
    return Shot(name, name, (), clip.source, clip.frames, Fraction(0), (cast,))


def _stills(job: Animation, workshop: Workshop) -> Stills:
    settings = workshop.settings
    colours: Colours = "own" if job.paste_back else "srgb"
    if job.crop == "none":
        return whole_stills(job.pictures, settings, colours=colours)
    return find_stills(
        job.pictures,
        None,
        settings,
        workshop.detector,
        installed=workshop.installed,
        colours=colours,
    )


def _target(job: Animation, clip: Footage, portrait: Portrait, workshop: Workshop) -> _Target:
    own, crop = portrait.own_side, workshop.settings.crop
    size = new_size(own, own, workshop.performer, job.scheme, crop)
    canvas = _canvas(job, clip.info, portrait, size)
    encode, notes = encode_settings(canvas.info, job.out, job.codec)
    numbered = 1 if encode.is_sequence else None
    output = Source(output_path(encode, job.out), clip.frames, numbered)
    return _Target(canvas, size, encode, output, tuple(notes))


def _canvas(job: Animation, driving: MediaInfo, portrait: Portrait, size: int) -> Canvas:
    if job.paste_back:
        return portrait_canvas(driving, portrait)
    return face_canvas(driving, size, job.codec)


def _act(
    job: Animation, clip: Footage, size: int, workshop: Workshop, stack: ExitStack
) -> Generator[Progress, None, _Acting]:
    """The driving faces on disk, which has room for as many new ones of that size."""
    samples = sample_bytes(clip.info.layout) * 3 * size**2
    needed = crop_bytes(clip, len(clip.frames), workshop) + samples * len(clip.frames)
    require_space(workshop.folder.out, needed, "the animation")
    if job.crop == "none":
        face = _whole_face(job, clip, workshop, stack)
        pictures = decode(clip.info, clip.frames)
        try:
            for done in write_crops(pictures, [face]):
                yield Progress(job.out.stem, "cut", done, len(clip.frames))
        finally:
            pictures.close()
        return _acting([face], clip)
    found = yield from follow_faces(job.out.stem, [clip], workshop)
    chosen = choose_in(clip, found[0], FaceChoice(), workshop).tracks
    faces = yield from cut_faces(job.out.stem, {clip: chosen}, workshop, stack)
    return _acting([faces[track] for track in chosen], clip)


def _whole_face(job: Animation, clip: Footage, workshop: Workshop, stack: ExitStack) -> CutFace:
    """The driving frames as the crops that they are."""
    count = len(clip.frames)
    boxes = np.tile([0.0, 0.0, clip.info.width, clip.info.height], (count, 1))
    track = FaceTrack(1, clip.frames, boxes, np.full((count, 5, 2), np.nan), np.ones(count))
    to_crop = whole_frame(clip.info, workshop.settings.crop.size)
    maps = Affine(np.tile(to_crop, (count, 1, 1)))
    crops = _spool(f"{job.out.stem}.crops", clip, workshop.settings.crop.size, workshop, stack)
    seconds = frame_seconds(clip.info, clip.frames)
    return CutFace(track, maps, np.ones(count), TrackEdges(), crops, seconds)


def _spool(name: str, clip: Footage, size: int, workshop: Workshop, stack: ExitStack) -> Spool:
    path = workshop.folder.spool / name
    return stack.enter_context(open_spool(path, (size, size, 3), sample_type(clip.info.layout)))


def _acting(faces: list[CutFace], clip: Footage) -> _Acting:
    """For every frame the crop of that frame, or where there is none the nearest one."""
    count = len(clip.frames)
    actor, record = np.full(count, -1), np.zeros(count, np.int64)
    for number, face in enumerate(faces):
        usable = np.flatnonzero(face.usable)
        actor[face.track.frames.start + usable] = number
        record[face.track.frames.start + usable] = usable
    known = np.flatnonzero(actor >= 0)
    nearest = known[nearest_index(known.astype(np.float64), np.arange(count, dtype=np.float64))]
    return _Acting(faces, actor[nearest], record[nearest], true_stretches(actor < 0))


def _move(
    shot: Shot,
    job: Animation,
    portrait: Portrait,
    others: tuple[Floats, ...],
    acting: _Acting,
    faces: Spool,
    workshop: Workshop,
    stack: ExitStack,
) -> Iterator[Progress]:
    """The new face of every frame, on disk."""
    size, large = faces.shape[0], None
    if size > len(portrait.pixels):
        path = workshop.folder.spool / f"{shot.shot_id}.source"
        large = large_portrait(portrait.at(size).pixels, path, stack)
    takes: dict[str, tuple[Take, int]] = {}
    for number in range(len(acting.faces)):
        for part in true_stretches(acting.actor == number):
            actor, records = acting.faces[number], acting.record[part.start : part.stop]
            crops = Crops(actor.crops, records, actor.tilt[records])
            name, source = str(part.start), portrait.pixels
            take = Take(
                name, source, crops, job.scheme, 1.0, None, "relative", large=large, others=others
            )
            takes[take.take_id] = (take, part.start)
    total = len(acting.actor)
    results = workshop.performer.perform([take for take, _ in takes.values()])
    for done, (take_id, index, face) in enumerate(results, 1):
        faces.write(takes[take_id][1] + index, to_samples(face.pixels, faces.dtype))
        yield Progress(shot.shot_id, "move", done, total)


def _painted(
    job: Animation,
    canvas: Canvas,
    frame: int,
    portrait: Portrait,
    faces: Spool,
    settings: Settings,
) -> Picture:
    pixels = from_samples(faces.read(frame))
    if not job.paste_back:
        return painted(canvas.at(frame), pixels)
    return paste(
        canvas.at(frame),
        pixels,
        crop_mask(len(pixels)),
        portrait.to_crop,
        settings.paste,
        plate_crop=portrait.pixels,
        seen_at=settings.crop.size,
    )


def _notes(acting: _Acting, clip: Footage) -> list[str]:
    if not acting.held:
        return []
    where = said(acting.held)
    return [f"{clip.name} shows no face in {where}; the nearest one stands still there."]


@contextmanager
def _scratch(out: Path) -> Iterator[RunFolder]:
    """A folder beside the result for the crops, removed at the end.

    Raises:
        OutputError: the folder cannot be written.
    """
    folder = out.parent / f".partial-{os.getpid()}-{out.name}.work"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{out.parent}: cannot be written ({error.strerror}); choose another place with -o"
        ) from error
    clear_partial(out.parent)
    try:
        yield RunFolder(folder, Digests(folder / "hashes.json"), Journal(folder, ""))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
