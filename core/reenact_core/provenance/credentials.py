"""C2PA credentials read back: what they say, who signed, and whether the file is still the same."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from reenact_core.provenance.identity import Identity
from reenact_core.provenance.manifest import SOURCE_TYPES, mime_of
from reenact_core.provenance.sign import sidecar_of
from reenact_core.provenance.sign_process import OFFLINE

State = Literal["valid", "changed", "expired", "broken", "remote", "none", "unread"]
"""`changed`: the file is another than the one that was signed; `expired`: the certificate ended and
there is no time stamp; `broken`: anything else that is wrong; `remote`: they lie on a server, which
is not asked; `unread`: no library to read them."""

_CHANGED = ("Hash.mismatch", "hashedURI.mismatch", "hardBindings.missing", "boxesHash.mismatch")
_EXPIRED = ("signingCredential.expired", "claimSignature.outsideValidity")
_NO_FAULT = ("signingCredential.untrusted",)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What was found."""

    state: State
    where: Literal["embedded", "sidecar"] | None = None
    trusted: bool = False
    """A root certificate that the reader trusts vouches for who signed."""
    own: bool = False
    """The reader's own self-signed identity signed, for which nobody else vouches."""
    signer: str = ""
    """Name and organisation in the certificate."""
    time: str | None = None
    """When it was signed, by a time stamp server; None: nobody vouches for the time."""
    tool: str = ""
    source_types: tuple[str, ...] = ()
    """IPTC's digital source types of the actions."""
    actions: tuple[str, ...] = ()
    made_from: tuple[str, ...] = ()
    """Titles of what it was made from."""
    problems: tuple[str, ...] = ()
    """C2PA's codes of what is wrong."""

    @property
    def synthetic(self) -> bool:
        """Whether it says that a network made the pictures or a part of them."""
        return any("rainedAlgorithmicMedia" in kind for kind in self.source_types)


def read_credentials(
    path: Path, trust: Path | None = None, own: Identity | None = None
) -> Credentials:
    """The credentials in a file, else those of a sidecar beside it.

    Args:
        trust: PEM file of root certificates.
        own: whose signatures the reader knows.

    Raises:
        OSError: a file cannot be read.
    """
    try:
        import c2pa
    except (ImportError, OSError):
        return Credentials("unread")
    with c2pa.Settings() as settings:
        settings.update(OFFLINE)
        roots = "" if trust is None else trust.read_text("utf-8")
        if anchors := roots + ("" if own is None else own.certificates):
            settings.update({"trust": {"user_anchors": anchors}})
        with c2pa.Context(settings) as context:
            look = _Look(c2pa, context, None if own is None else own.serial)
            return _embedded(path, look) or _beside(path, look)


@dataclass(frozen=True, slots=True)
class _Look:
    """What reading takes."""

    c2pa: Any
    context: Any
    own: str | None
    """Serial number of the reader's own certificate, decimal."""


def _embedded(path: Path, look: _Look) -> Credentials | None:
    if mime_of(path) == "application/octet-stream":
        return None
    try:
        reader = look.c2pa.Reader.try_create(str(path), context=look.context)
    except look.c2pa.C2paError as error:
        kind = type(error).__name__
        if "NotSupported" in kind or "could not be parsed" in str(error) or "Io" in kind:
            return None
        if "fetch remote manifest" in str(error):
            return Credentials("remote", problems=(str(error),))
        return Credentials("broken", "embedded", problems=(str(error),))
    if reader is None:
        return None
    with reader:
        return _told(reader, "embedded", look)


def _beside(path: Path, look: _Look) -> Credentials:
    sidecar = sidecar_of(path)
    if not sidecar.is_file():
        return Credentials("none")
    mime = mime_of(path)
    if mime.endswith("json"):
        mime = "application/octet-stream"
    found = []
    # Whoever signs a file of a kind with a place for credentials may have hashed it as a whole.
    for kind in dict.fromkeys((mime, "application/octet-stream")):
        try:
            with (
                path.open("rb") as stream,
                look.c2pa.Reader(
                    kind, stream, sidecar.read_bytes(), context=look.context
                ) as reader,
            ):
                found.append(_told(reader, "sidecar", look))
        except look.c2pa.C2paError as error:
            found.append(Credentials("broken", "sidecar", problems=(str(error),)))
    order: list[State] = ["valid", "expired", "changed", "broken"]
    return min(found, key=lambda one: order.index(one.state))


def _told(reader: Any, where: Literal["embedded", "sidecar"], look: _Look) -> Credentials:
    table = json.loads(reader.json())
    active = table["manifests"].get(table.get("active_manifest"), {})
    signed = active.get("signature_info") or {}
    problems = [status["code"] for status in table.get("validation_status") or []]
    faults = tuple(code for code in problems if code not in _NO_FAULT)
    actions = [
        action
        for assertion in active.get("assertions", [])
        if str(assertion.get("label")).startswith("c2pa.actions")
        for action in (assertion.get("data") or {}).get("actions", [])
    ]
    trusted = reader.get_validation_state() == "Trusted"
    # Anybody can write this serial number, but nobody else is trusted with it.
    own = trusted and str(signed.get("cert_serial_number")) == look.own
    return Credentials(
        _state(reader.get_validation_state(), faults),
        where,
        trusted and not own,
        own,
        _signer(signed.get("common_name"), signed.get("issuer")),
        signed.get("time"),
        _tool(active),
        tuple(dict.fromkeys(filter(None, (one.get("digitalSourceType") for one in actions)))),
        tuple(str(one.get("action")).removeprefix("c2pa.") for one in actions),
        tuple(str(one.get("title", "untitled")) for one in active.get("ingredients", [])),
        tuple(dict.fromkeys(faults)),
    )


def _signer(name: str | None, organisation: str | None) -> str:
    return f"{name} ({organisation})" if name and organisation else name or organisation or ""


def _state(said: str | None, faults: tuple[str, ...]) -> State:
    if said in ("Valid", "Trusted"):
        return "valid"
    if any(code.endswith(_CHANGED) for code in faults):
        return "changed"
    return "expired" if any(code in _EXPIRED for code in faults) else "broken"


def _tool(manifest: dict[str, Any]) -> str:
    infos = manifest.get("claim_generator_info") or [{}]
    return " ".join(filter(None, (infos[0].get("name"), infos[0].get("version"))))


def short(source_type: str) -> str:
    """IPTC's name without its address."""
    return source_type.removeprefix(SOURCE_TYPES)
