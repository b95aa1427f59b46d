"""New faces into their frames, frames into the file."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from reenact_core.engine.footage import Footage
from reenact_core.engine.placement import Placement, placements
from reenact_core.engine.role import Role
from reenact_core.files import Admit
from reenact_core.frames import Picture
from reenact_core.media.codecs import EncodeSettings
from reenact_core.media.decode import decode
from reenact_core.media.encode import Seal, open_encoder
from reenact_core.settings import Settings

Placements = Iterator[tuple[int, Placement]]
"""Frame numbers of a file, rising, and what is pasted there."""


@dataclass(slots=True)
class _Queue:
    """The placements of one role, taken when their frame comes by."""

    coming: Placements
    next_one: tuple[int, Placement] | None = None

    def at(self, frame: int) -> Placement | None:
        if self.next_one is None:
            self.next_one = next(self.coming, None)
        if self.next_one is None or self.next_one[0] != frame:
            return None
        placement, self.next_one = self.next_one[1], None
        return placement


def paste_all(
    pictures: Iterator[Picture], coming: Sequence[Placements], settings: Settings
) -> Iterator[Picture]:
    """The pictures with new faces in their places, in the order of `coming`."""
    queues = [_Queue(placements) for placements in coming]
    for picture in pictures:
        for queue in queues:
            placement = queue.at(picture.index)
            if placement is not None:
                picture = placement.paste_into(picture, settings)
        yield picture


def write_shot(
    path: Path,
    clip: Footage,
    roles: Sequence[Role],
    settings: Settings,
    encode: EncodeSettings,
    seal: Seal | None = None,
    *,
    admit: Admit | None = None,
) -> Generator[int]:
    """Decode, paste and encode a shot; yields the number of frames written.

    Raises:
        MediaError: a frame cannot be decoded.
        OutputError: the file cannot be written.
    """
    coming = [placements(role, settings) for role in roles]
    return write_frames(path, clip, coming, settings, encode, seal, admit=admit)


def write_frames(
    path: Path,
    clip: Footage,
    coming: Sequence[Placements],
    settings: Settings,
    encode: EncodeSettings,
    seal: Seal | None = None,
    *,
    admit: Admit | None = None,
) -> Generator[int]:
    """The same for any range of a file, and new faces that are ready to be pasted."""
    pictures = decode(clip.info, clip.frames)
    try:
        opened = open_encoder(path, clip.info, clip.frames, encode, seal=seal, admit=admit)
        with opened as encoder:
            for done, picture in enumerate(paste_all(pictures, coming, settings), 1):
                encoder.write(picture)
                yield done
    finally:
        pictures.close()
