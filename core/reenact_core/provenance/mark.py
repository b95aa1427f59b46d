"""Everything that a finished file is marked with, and what is done where something is missing."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from reenact_core.errors import SettingsError
from reenact_core.files import Admit, sha256, write_json
from reenact_core.journal import Journal
from reenact_core.media.codecs import EncodeSettings
from reenact_core.media.sequence import find_numbers, frame_path, is_pattern
from reenact_core.provenance.config import read_config, user_config_folder
from reenact_core.provenance.identity import IDENTITY_FILE, Identity, find_identity
from reenact_core.provenance.manifest import Deed, embeds
from reenact_core.provenance.sign import (
    SigningError,
    UnavailableError,
    can_sign,
    check_identity,
    embed,
    sidecar_of,
    sign_beside,
)
from reenact_core.provenance.xmp import put_xmp

FRAMES = ".frames.json"
"""Ends the name of the list of a sequence's pictures with their hashes."""

_TAGGED = ("mov", "mp4", "matroska", "webm", "avi")
"""Containers with a place for a comment."""

_WITHOUT = (
    "nothing says in the files that they are synthetic (--no-provenance); where the EU AI Act "
    "applies, its article 50 demands marks that machines can read"
)
_UNSIGNED = (
    "the files are not signed, since the C2PA library is not installed or does not work here; they "
    "say by other marks that they are synthetic (pip install c2pa-python)"
)


@dataclass(frozen=True, slots=True)
class Marking:
    """How a run marks what it makes; made by `open_marking` before anything is rendered."""

    wanted: bool = True
    """False: `--no-provenance`."""
    identity: Identity | None = None
    """What signs; None: nothing is signed."""
    tsa: str | None = None
    """URL of a time stamp server."""
    notes: tuple[str, ...] = ()
    """What a user should know, a sentence each."""

    @property
    def record(self) -> dict[str, Any]:
        """As `run.json` has it."""
        signer = None if self.identity is None else self.identity.kind
        print_ = None if self.identity is None else self.identity.fingerprint
        return {"marked": self.wanted, "signed_by": signer, "certificate_sha256": print_}

    def seal(self, deed: Deed, journal: Journal | None = None) -> "Sealer":
        """What marks one file."""
        return Sealer(self, deed, journal)


UNMARKED = Marking(wanted=False, notes=(_WITHOUT,))


def sealed(
    encode: EncodeSettings, marking: Marking | None, deed: Deed, journal: Journal | None = None
) -> "tuple[EncodeSettings, Sealer]":
    """How a file is written so that it is marked, and what finishes it; None: it is not marked."""
    marking = marking or Marking(wanted=False)
    if marking.wanted:
        encode = replace(encode, tags=(("comment", deed.sentence),))
    return encode, marking.seal(deed, journal)


@dataclass(slots=True)
class Sealer:
    """Marks one finished file that does not bear its name yet, and remembers how."""

    marking: Marking
    deed: Deed
    journal: Journal | None = None
    """Guards the files beside; None: whatever bears their names is replaced."""
    marks: list[str] = field(default_factory=list)
    """`c2pa`, `c2pa sidecar`, `xmp`; the writer of the file adds `comment`."""
    notes: list[str] = field(default_factory=list)
    beside: list[Path] = field(default_factory=list)
    """Further files that belong to it, by their final names."""

    def __call__(self, made: Path, final: Path) -> None:
        """Mark a file, or the pictures of a printf pattern.

        Args:
            made: where it lies.
            final: the name that it will have.

        Raises:
            OutputError: the disk is full.
        """
        if is_pattern(final):
            self._mark_pictures(made, final)
        else:
            self._mark_file(made, final)

    def all_marks(self, encode: EncodeSettings) -> tuple[str, ...]:
        """Every mark of the finished file, with those that its writer made."""
        tagged = encode.tags and encode.muxer in _TAGGED
        return (*self.marks, *(("comment",) if tagged else ()))

    def _mark_file(self, made: Path, final: Path) -> None:
        sidecar = sidecar_of(final)
        self._forget(sidecar)  # of a file that bore this name before
        if not self.marking.wanted:
            return
        if put_xmp(made, self.deed.source_type):
            self.marks.append("xmp")
        if self.marking.identity is None:
            return
        try:
            if embeds(final) and self._embed(made, final, self.marking.identity):
                return
            admit = None if self.journal is None else self.journal.admit
            self._sign_beside(made, final.name, sidecar, sidecar, self.marking.identity, admit)
        except SigningError as error:
            self.notes.append(_unsigned(final, error))

    def _embed(self, made: Path, final: Path, identity: Identity) -> bool:
        try:
            self._stamped(embed, made, final.name, deed=self.deed, identity=identity)
        except UnavailableError:
            raise
        except SigningError as error:
            self.notes.append(
                f"{final.name} could not take its credentials ({error}); they lie beside it"
            )
            return False
        self.marks.append("c2pa")
        return True

    def _sign_beside(
        self,
        made: Path,
        name: str,
        sidecar: Path,
        final: Path,
        identity: Identity,
        admit: Admit | None = None,
    ) -> None:
        given = {"deed": self.deed, "identity": identity, "admit": admit}
        self._stamped(sign_beside, made, name, sidecar, **given)
        self.marks.append("c2pa sidecar")
        self.beside.append(final)

    def _forget(self, old: Path) -> None:
        """Remove what an earlier file of this name had beside it, and nobody else's."""
        if self.journal is not None:
            self.journal.require([old])
        old.unlink(missing_ok=True)

    def _stamped(self, sign: Any, *given: Any, **named: Any) -> None:
        """Sign with a time stamp, or where its server does not answer without."""
        tsa = self.marking.tsa
        try:
            sign(*given, tsa=tsa, **named)
        except UnavailableError:
            raise
        except SigningError as error:
            if tsa is None:
                raise
            sign(*given, tsa=None, **named)
            self.notes.append(
                f"signed without a time stamp, since {tsa} gave none ({error}); the signature ends "
                "with its certificate"
            )

    def _mark_pictures(self, made: Path, final: Path) -> None:
        names = frames_file(final).name
        for old in (frames_file(final), sidecar_of(frames_file(final))):
            self._forget(old)
        if not self.marking.wanted:
            return
        pictures = [frame_path(made, number) for number in find_numbers(made, None, 1)]
        pictures = [picture for picture in pictures if picture.is_file()]
        if [put_xmp(picture, self.deed.source_type) for picture in pictures].count(False) == 0:
            self.marks.append("xmp")
        listed = made.with_name(names)
        write_json(listed, _frames_table(pictures, self.deed))
        self.beside.append(frames_file(final))
        if self.marking.identity is None:
            return
        try:
            self._sign_beside(
                listed,
                names,
                sidecar_of(listed),
                sidecar_of(frames_file(final)),
                self.marking.identity,
            )
        except SigningError as error:
            self.notes.append(_unsigned(final, error))


def _unsigned(path: Path, error: SigningError) -> str:
    """A rendered file is not thrown away because it could not be signed."""
    if isinstance(error, UnavailableError):
        return _UNSIGNED
    return f"{path.name} is not signed ({error}); it says by other marks that it is synthetic"


def frames_file(pattern: Path) -> Path:
    """The list of a sequence's pictures, beside them: `sh010.frames.json` of `sh010.%06d.png`."""
    return pattern.with_name(pattern.name.partition("%")[0].rstrip("._-") + FRAMES)


def _frames_table(pictures: list[Path], deed: Deed) -> Mapping[str, Any]:
    return {
        "version": 1,
        "synthetic": True,
        "digital_source_type": deed.source_type,
        "sha256": {picture.name: sha256(picture) for picture in pictures},
    }


def open_marking(folder: Path | None = None) -> Marking:
    """How this user's files are marked; a wrong certificate is told here, before any work.

    Args:
        folder: of the user's settings; None: the usual one.

    Raises:
        SettingsError: `provenance.toml`, its certificate or its key cannot be used.
    """
    folder = user_config_folder() if folder is None else folder
    settings = read_config(folder)
    if not can_sign():
        return Marking(notes=(_UNSIGNED,))
    identity, notes = find_identity(settings, folder)
    if identity.kind == "certificate":
        check_identity(identity, None)
    return Marking(True, identity, settings.tsa, tuple(notes))


def who_signs(folder: Path | None = None) -> str | None:
    """What signs this user's files, in words, without making it; None: there is no library.

    Raises: as `open_marking`.
    """
    folder = user_config_folder() if folder is None else folder
    settings = read_config(folder)
    if not can_sign():
        return None
    if settings.certificate is not None:
        open_marking(folder)
        return f"by the certificate {settings.certificate}"
    path = folder / IDENTITY_FILE
    if not path.exists():
        return f"self-signed, by an identity that the first render makes in {folder}"
    find_identity(settings, folder)
    return f"self-signed, by {path}"


def unmarked_here(folder: Path | None = None) -> Marking:
    """No marks, for a job of a farm or of the bridge, where this machine's settings allow it.

    Raises:
        SettingsError: they do not.
    """
    folder = user_config_folder() if folder is None else folder
    if not read_config(folder).allow_unmarked:
        raise SettingsError(
            "--no-provenance is not allowed here; whoever runs this machine allows it by "
            f"allow_unmarked = true in {os.fspath(folder / 'provenance.toml')}"
        )
    return UNMARKED
