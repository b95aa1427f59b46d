"""The folder that `reenact synth` writes: clips of synthetic heads and the truth about them.

    manifest.json                 version, seed, rate, and the clips' names, files and frames
    clips/0000/video.mkv          FFV1, R'G'B' without loss
    clips/0000/truth.npz          poses, expressions, landmarks and masks, frame by frame

Clip n depends on the seed and on n alone, so a longer folder begins with a shorter one's clips.
"""

import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
import torch
from numpy.typing import NDArray

from reenact_core.errors import MediaError, OutputError
from reenact_core.files import write_json, written_whole
from reenact_core.media.opening import created, opened
from reenact_core.models.face_points import EXPRESSIONS
from reenact_core.wording import amount
from reenact_training.synthetic.heads import sample_identity
from reenact_training.synthetic.motion import sample_motion
from reenact_training.synthetic.render import HeadClip, render
from reenact_training.synthetic.scene import follow, sample_scene

VERSION = 1
RATE = Fraction(25)
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What is true about the T frames of a clip; coordinates as in `HeadClip`."""

    rotation: NDArray[np.float32]
    """(T, 3, 3)."""
    scale: NDArray[np.float32]
    """(T,)."""
    offset: NDArray[np.float32]
    """(T, 2)."""
    expression: NDArray[np.float32]
    """(T, 12), see `models.face_points.EXPRESSIONS`."""
    landmarks: NDArray[np.float32]
    """(T, 79, 3)."""
    visible: NDArray[np.bool_]
    """(T, 79)."""
    face_mask: NDArray[np.uint8]
    """(T, S, S), 255 on the skin of the face."""
    head_mask: NDArray[np.uint8]
    """(T, S, S), 255 on face, hair, ears and neck."""
    part: NDArray[np.uint8]
    """(T, S, S), the part numbers of `synthetic.render`."""


@dataclass(frozen=True, slots=True)
class SynthClip:
    """One clip of a folder; frames and truth are read when they are asked for."""

    name: str
    """Its number with four digits."""
    video: Path
    """The file of its frames."""
    truth_file: Path
    """The file of its truth."""
    frames: int
    """How many there are."""

    def read_frames(self) -> NDArray[np.uint8]:
        """All frames, (T, S, S, 3) R'G'B'.

        Raises:
            MediaError: the video is missing, damaged or short.
        """
        try:
            with opened(self.video) as container:
                pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        except (MediaError, av.error.FFmpegError) as error:
            raise MediaError(
                f"{self.video}: cannot be decoded ({error}); run synth again"
            ) from error
        if len(pictures) != self.frames:
            raise MediaError(
                f"{self.video}: {len(pictures)} of {amount(self.frames, 'frame')}; run synth again"
            )
        return np.stack(pictures).astype(np.uint8, copy=False)

    def read_truth(self) -> Truth:
        """What is true about the frames.

        Raises:
            MediaError: the file is missing or damaged.
        """
        try:
            with np.load(self.truth_file) as arrays:
                return Truth(**{field.name: arrays[field.name] for field in fields(Truth)})
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise MediaError(
                f"{self.truth_file}: cannot be read ({error}); run synth again"
            ) from error


def synth_clip(seed: int, index: int, frames: int, size: int) -> HeadClip:
    """Clip `index` of the folder with this seed."""
    generator = torch.Generator().manual_seed(seed * 100_003 + index)
    identity = sample_identity(generator)
    motion = sample_motion(generator, frames, float(RATE))
    scene = follow(sample_scene(generator, occluded=0.1), generator, frames, float(RATE))
    with torch.inference_mode():
        return render(identity, motion, scene, size, noise_seed=seed * 100_003 + index)


def write_synth(
    out: Path, *, seed: int, clips: int, frames: int, size: int,
    on_progress: Callable[[int, int], None] | None = None, overwrite: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Write a folder of synthetic clips; clips that are whole there already are kept.

    Args:
        overwrite: files that are no synthetic clips may be replaced
        on_progress: called with the clips that are done and all of them

    Returns:
        the manifest, as written

    Raises:
        OutputError: the folder cannot be written, or holds files of others under the same names.
    """
    out.mkdir(parents=True, exist_ok=True)
    if not overwrite:
        _spare_others(out)
    wanted = {"version": VERSION, "seed": seed, "size": size, "frames": frames}
    kept = _same_run(out / MANIFEST, wanted)
    if not kept:  # before the first clip, so that whose they are is known
        write_json(out / MANIFEST, {**_described(wanted), "clips": []})
    entries = []
    for index in range(clips):
        folder = Path("clips") / f"{index:04d}"
        video, truth = folder / "video.mkv", folder / "truth.npz"
        if not (kept and (out / video).exists() and (out / truth).exists()):
            _write_clip(synth_clip(seed, index, frames, size), out / video, out / truth)
        entries.append(
            {
                "name": folder.name,
                "video": video.as_posix(),
                "truth": truth.as_posix(),
                "frames": frames,
            }
        )
        write_json(out / MANIFEST, {**_described(wanted), "clips": entries})
        if on_progress is not None:
            on_progress(index + 1, clips)
    return {**_described(wanted), "clips": entries}


def _spare_others(out: Path) -> None:
    """See that a folder is empty as far as clips go, or one of ours.

    Raises:
        OutputError: it holds other files of these names.
    """
    try:
        found = json.loads((out / MANIFEST).read_text("utf-8"))
    except FileNotFoundError:
        ours = not (out / "clips").exists()
    except (OSError, ValueError):
        ours = False
    else:
        ours = isinstance(found, dict) and {"version", "seed", "expressions"} <= set(found)
    if not ours:
        raise OutputError(
            f"{out}: holds a {MANIFEST} or clips that `reenact synth` did not make; choose another "
            "folder, or let them be replaced with --overwrite"
        )


def _described(wanted: dict[str, Any]) -> dict[str, Any]:
    return {**wanted, "rate": str(RATE), "expressions": list(EXPRESSIONS)}


def _same_run(path: Path, wanted: dict[str, Any]) -> bool:
    """Whether the folder was begun with the same seed, size and length."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return all(found.get(key) == value for key, value in wanted.items())


def _write_clip(clip: HeadClip, video: Path, truth: Path) -> None:
    pictures = (clip.images * 255 + 0.5).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    with written_whole(video) as partial:
        _write_video(partial, pictures)
    with written_whole(truth) as partial, partial.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **_arrays(clip))


def _write_video(path: Path, pictures: NDArray[np.uint8]) -> None:
    with created(path) as container:
        stream = container.add_stream("ffv1", rate=RATE)
        stream.height, stream.width = pictures.shape[1:3]
        stream.pix_fmt = "bgr0"
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))


def _arrays(clip: HeadClip) -> dict[str, NDArray[Any]]:
    """The truth as arrays, by the names of `Truth`."""
    motion = clip.motion
    values = {
        "rotation": motion.rotation, "scale": motion.scale, "offset": motion.offset,
        "expression": motion.expression, "landmarks": clip.landmarks, "visible": clip.visible,
        "face_mask": (clip.face_mask * 255 + 0.5).to(torch.uint8),
        "head_mask": (clip.head_mask * 255 + 0.5).to(torch.uint8), "part": clip.part,
    }  # fmt: skip
    return {name: value.cpu().numpy() for name, value in values.items()}


def read_synth(folder: Path) -> Iterator[SynthClip]:
    """The clips of a folder that `write_synth` wrote.

    Raises:
        MediaError: the manifest is missing, damaged or of another version.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text("utf-8"))
        version, entries = manifest["version"], manifest["clips"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MediaError(f"{path}: is no manifest of synthetic clips; run reenact synth") from error
    if version != VERSION:
        raise MediaError(f"{path}: version {version}, but this reenact reads {VERSION}")
    for entry in entries:
        yield SynthClip(
            entry["name"], folder / entry["video"], folder / entry["truth"], int(entry["frames"])
        )
