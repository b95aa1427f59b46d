"""Certificates as a studio has them: a root, one that it vouches for, and one that signs."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

EMAIL = ExtendedKeyUsageOID.EMAIL_PROTECTION
SERVER = ExtendedKeyUsageOID.SERVER_AUTH


@dataclass(frozen=True, slots=True)
class Files:
    """What a studio is given by whoever issues certificates."""

    root: Path
    chain: Path
    key: Path


def write_certificates(
    folder: Path,
    *,
    days: tuple[float, float] = (-1, 30),
    purpose: ObjectIdentifier = EMAIL,
    form: serialization.PrivateFormat = serialization.PrivateFormat.PKCS8,
    password: bytes | None = None,
    serial: int | None = None,
) -> Files:
    """A chain that is valid between two days from now."""
    folder.mkdir(parents=True, exist_ok=True)
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = _certificate("Root", "Root", root_key, root_key, None, (-60, 300))
    leaf = _certificate("Camera truck", "Root", key, root_key, purpose, days, serial)
    hidden = (
        serialization.NoEncryption()
        if password is None
        else serialization.BestAvailableEncryption(password)
    )
    files = Files(folder / "root.pem", folder / "chain.pem", folder / "studio.key")
    files.root.write_bytes(root.public_bytes(serialization.Encoding.PEM))
    files.chain.write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    files.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, hidden))
    files.key.chmod(0o600)
    return files


def write_config(folder: Path, files: Files, **more: str) -> Path:
    """`provenance.toml` that names a studio's files."""
    folder.mkdir(parents=True, exist_ok=True)
    values = {"certificate": str(files.chain), "key": str(files.key), **more}
    text = "".join(f"{name} = '{value}'\n" for name, value in values.items())
    (folder / "provenance.toml").write_text(text, "utf-8")
    return folder


def _certificate(
    subject: str,
    issuer: str,
    key: ec.EllipticCurvePrivateKey,
    signs: ec.EllipticCurvePrivateKey,
    purpose: ObjectIdentifier | None,
    days: tuple[float, float],
    serial: int | None = None,
) -> x509.Certificate:
    now, root, public = datetime.now(UTC), purpose is None, key.public_key()
    usage = x509.KeyUsage(not root, False, False, False, False, root, root, False, False)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(public)
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=root, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signs.public_key()), critical=False
        )
    )
    if purpose is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    return builder.sign(signs, hashes.SHA256())


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test Studio"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )
