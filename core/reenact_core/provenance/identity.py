"""The signing identity: the user's certificate, else one of this machine's own, made once.

The own identity is one file with key and certificate, put into place by a link that fails where a
file is, so that two processes that make it at once end with the same one. Where no folder can be
written it lives for one run and its key is never stored.
"""

import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from reenact_core.errors import SettingsError
from reenact_core.provenance.config import ProvenanceSettings

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
    from cryptography.x509 import Certificate

IDENTITY_FILE = "identity.pem"
LOCAL_NAME = "reenact local identity"
_YEARS = 30

IdentityKind = Literal["certificate", "local", "run"]
"""The user's own certificate; this machine's self-signed one; one for a single run."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What signs."""

    kind: IdentityKind
    certificates: str = field(repr=False)
    """PEM, the one that signs first."""
    key: str = field(repr=False)
    """PEM, PKCS#8."""
    algorithm: str
    """As C2PA names it: es256, ps256, ed25519."""
    fingerprint: str
    """SHA-256 of the signing certificate, in hexadecimal."""
    serial: str
    """Its serial number, decimal."""


def find_identity(settings: ProvenanceSettings, folder: Path) -> tuple[Identity, list[str]]:
    """The identity that signs here, and what a user should know of it.

    Raises:
        SettingsError: the user's certificate or key cannot be used; says why.
    """
    if settings.certificate is not None and settings.key is not None:
        return _users(settings.certificate, settings.key)
    path = folder / IDENTITY_FILE
    with suppress(OSError):
        return _read_local(path), []
    return _create(path)


def _users(certificate: Path, key: Path) -> tuple[Identity, list[str]]:
    chain, secret = _read(certificate), _read(key)
    identity = _checked("certificate", chain, secret, certificate, key)
    notes = []
    if os.name != "nt" and key.stat().st_mode & 0o077:
        notes.append(f"{key}: other users of this machine can read this key; chmod 600 it")
    return identity, notes


def _read_local(path: Path) -> Identity:
    both = path.read_bytes()
    return _checked("local", both, both, path, path)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read ({error.strerror})") from error


def _checked(
    kind: IdentityKind, chain: bytes, secret: bytes, chain_path: Path, key_path: Path
) -> Identity:
    """The identity of two PEM texts, seen to belong together and to be valid now."""
    from cryptography import x509

    mend = "; delete it and a new one is made" if kind == "local" else ""
    try:
        certificates = x509.load_pem_x509_certificates(chain)
    except ValueError as error:
        raise SettingsError(f"{chain_path}: holds no certificate in PEM form{mend}") from error
    key = _load_key(secret, key_path, mend)
    first = certificates[0]
    if _public(first.public_key()) != _public(key.public_key()):
        raise SettingsError(
            f"{chain_path}: the key in {key_path} belongs to another certificate than the first "
            f"one in the file; put the certificate that signs first{mend}"
        )
    _check_dates(first, chain_path, mend)
    return _identity(kind, certificates, key, key_path)


def _load_key(secret: bytes, path: Path, mend: str) -> "PrivateKeyTypes":
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(secret, password=None)
    except TypeError as error:
        raise SettingsError(
            f"{path}: the key is encrypted; write it without a password "
            "(openssl pkcs8 -topk8 -nocrypt) into a file that you alone can read"
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SettingsError(f"{path}: holds no private key in PEM form{mend}") from error


def _check_dates(certificate: "Certificate", path: Path, mend: str) -> None:
    now = datetime.now(UTC)
    if certificate.not_valid_after_utc <= now:
        ended = certificate.not_valid_after_utc.date()
        raise SettingsError(
            f"{path}: the certificate expired on {ended}; nothing can be signed with it, "
            f"renew it{mend}"
        )
    if certificate.not_valid_before_utc > now:
        begins = certificate.not_valid_before_utc.date()
        raise SettingsError(f"{path}: the certificate is not valid before {begins}{mend}")


def _identity(
    kind: IdentityKind, certificates: "list[Certificate]", key: "PrivateKeyTypes", path: Path
) -> Identity:
    from cryptography.hazmat.primitives import hashes, serialization

    pem = serialization.Encoding.PEM
    return Identity(
        kind,
        "".join(one.public_bytes(pem).decode() for one in certificates),
        # Whatever form the key came in, the signer takes this one alone.
        key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
        _algorithm(key, path),
        certificates[0].fingerprint(hashes.SHA256()).hex(),
        str(certificates[0].serial_number),
    )


def _algorithm(key: "PrivateKeyTypes", path: Path) -> str:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.key_size in (256, 384, 521):
        return {256: "es256", 384: "es384", 521: "es512"}[key.curve.key_size]
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= 2048:
        return "ps256"
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    raise SettingsError(
        f"{path}: C2PA signs with EC keys (P-256, P-384, P-521), RSA keys from 2048 bits on, and "
        "Ed25519; this is another kind"
    )


def _public(key: object) -> bytes:
    from cryptography.hazmat.primitives import serialization

    form = serialization.PublicFormat.SubjectPublicKeyInfo
    spelled: bytes = key.public_bytes(serialization.Encoding.DER, form)  # type: ignore[attr-defined]
    return spelled


def _create(path: Path) -> tuple[Identity, list[str]]:
    certificate, key = _make()
    identity = _identity("local", [certificate], key, path)
    try:
        if not _place(path, identity.key + identity.certificates):
            return _read_local(path), []
    except OSError as error:
        once = _identity("run", [certificate], key, path)
        reason = error.strerror or str(error)
        return once, [
            f"{path} cannot be kept ({reason}), so the files are signed by an identity that was "
            "made for this run alone; set REENACT_CONFIG to a folder that can be written"
        ]
    return identity, [
        f"the files are signed by an identity of this machine's own, made now ({path}): what is "
        "changed later shows, but nobody vouches for who signed; docs/how-to/provenance.md says "
        "how to use a certificate of yours"
    ]


def _place(path: Path, text: str) -> bool:
    """Put a new file into place, readable by its owner alone; False: another process was first."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    number, name = tempfile.mkstemp(prefix=".partial-", dir=path.parent)  # mode 0600
    try:
        with open(number, "w", encoding="ascii") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(name, path)
        except FileExistsError:
            return False
        except OSError:  # a file system without links
            os.replace(name, path)
        return True
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)


def _make() -> "tuple[Certificate, PrivateKeyTypes]":
    """A self-signed certificate that C2PA accepts, which says nothing of its user or machine."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "self-signed"),
            x509.NameAttribute(NameOID.COMMON_NAME, LOCAL_NAME),
        ]
    )
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    public = key.public_key()
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # clocks of readers may be behind
        .not_valid_after(now + timedelta(days=365 * _YEARS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False)
        .sign(key, hashes.SHA256())
    )
    return made, key


def local_identity(folder: Path) -> Identity | None:
    """The identity in a folder; None where none can be read."""
    with suppress(OSError, SettingsError, ImportError):
        return _read_local(folder / IDENTITY_FILE)
    return None
