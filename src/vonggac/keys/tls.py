"""TLS: a private certificate authority of this hub, and the contexts that both ends speak with.

The authority signs certificates for this hub's own names and addresses alone: they stand in it as
name constraints (RFC 5280 section 4.2.1.10), so that whoever carries its key away cannot pass for
another site before the desks that trust it. New names therefore take a new authority.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import ssl
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from vonggac.errors import ConfigError
from vonggac.keys.files import make_folder, read_secret, write_secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

AUTHORITY_DAYS: Final = 3_650
"""Days that the authority lives; desks and telephones install it once (ours)."""
LEAF_DAYS: Final = 397
"""Days that a certificate lives: browsers refuse more than 398 of public ones."""
RENEW_DAYS: Final = 30
"""Days before its end in which a certificate is made anew."""
HERE: Final = ("localhost", "127.0.0.1", "::1")
"""Names of this machine, for its own programs; in every certificate."""
_EARLIER: Final = datetime.timedelta(hours=1)
"""How much a desk's clock may be behind."""


@dataclass(frozen=True, slots=True)
class Files:
    """Where a server finds its certificate."""

    certificate: Path
    """PEM: the leaf first, then what signed it."""
    key: Path
    """PEM, not encrypted; may be the same file."""


@dataclass(frozen=True, slots=True)
class Authority:
    """The private authority of a hub and the certificate that it signed."""

    files: Files
    trusted: Path
    """The authority's certificate in PEM: public, what desks and programs trust."""
    fingerprint: str
    """SHA-256 of it in hexadecimal pairs, as browsers show it."""
    until_s: int
    """End of the certificate, seconds since 1970."""
    authority_until_s: int


def authority(folder: Path, names: Iterable[str], *, now_s: int) -> Authority:
    """The authority in this folder and a certificate for these names; made or renewed where due.

    Each secret file holds a key with its certificate, whole or not at all, so that a crash leaves
    no key without one. Asking twice changes nothing.

    Args:
        folder: made with mode 0700 if missing.
        names: host names and addresses besides `HERE`.
        now_s: seconds since 1970.

    Raises:
        ConfigError: a name is none, or a file cannot be read or written.
    """
    make_folder(folder)
    wanted = tuple(dict.fromkeys((*HERE, *(name.lower() for name in names))))
    general = [_general(name) for name in wanted]
    now = datetime.datetime.fromtimestamp(now_s, datetime.UTC)
    root = _pair(folder / "authority.pem")
    if root is None or _ends_soon(root, now) or not _covers(root.certificate, general):
        root = _new_authority(general, now)
        write_secret(folder / "authority.pem", root.text())
    leaf = _pair(folder / "server.pem")
    if (
        leaf is None
        or _ends_soon(leaf, now)
        or _names(leaf.certificate) != set(general)
        or not _signed(leaf.certificate, root.certificate)
    ):
        leaf = _new_leaf(root, general, now)
        write_secret(folder / "server.pem", leaf.text() + root.public())
    public = folder / "ca.pem"
    if not public.exists() or public.read_text() != root.public():
        write_secret(public, root.public())
    return Authority(
        Files(folder / "server.pem", folder / "server.pem"),
        public,
        fingerprint(root.certificate),
        int(leaf.certificate.not_valid_after_utc.timestamp()),
        int(root.certificate.not_valid_after_utc.timestamp()),
    )


def given(leaf: Path, key: Path) -> Files:
    """A certificate that somebody else issued.

    Raises:
        ConfigError: a file is missing, others may read the key, or the two do not belong together.
    """
    try:
        mode = stat.S_IMODE(os.stat(key).st_mode)  # noqa: PTH116 - the error names the file
        if mode & 0o007:
            raise ConfigError(f"web.tls.key: {key} may be read by everybody; run: chmod 640 {key}")
        found = Files(leaf, key)
        server_context(found)
    except OSError as error:
        raise ConfigError(
            f"web.tls: cannot read {error.filename or leaf}: {error.strerror}"
        ) from error
    return found


CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2: with forward secrecy and authenticated encryption alone (RFC 9325 section 4.2)."""
SUITES: Final = tuple(
    f"TLS_ECDHE_{key}_WITH_{cipher}"
    for key in ("ECDSA", "RSA")
    for cipher in (
        "AES_128_GCM_SHA256", "AES_256_GCM_SHA384", "CHACHA20_POLY1305_SHA256",
    )
)  # fmt: skip
"""The same as nats-server calls them."""


def server_context(files: Files) -> ssl.SSLContext:
    """What a listener speaks: TLS 1.2 and later with this certificate.

    Raises:
        ConfigError: the two files do not belong together.
        OSError: one cannot be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    load(context, files)
    return context


def load(context: ssl.SSLContext, files: Files) -> None:
    """Have a context use this certificate from the next connection on.

    Raises:
        ConfigError, OSError: as `server_context`.
    """
    try:
        context.load_cert_chain(files.certificate, files.key, password=_no_password)
    except ssl.SSLError as error:
        raise ConfigError(
            f"web.tls: {files.certificate} and {files.key} are no certificate with its key, "
            "both in PEM and the key not encrypted"
        ) from error


def client_context(trusted: Path) -> ssl.SSLContext:
    """What our own programs speak: they trust this authority and nobody else.

    Raises:
        ConfigError: the file holds no certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    try:
        context.load_verify_locations(trusted)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(f"cannot read the authority's certificate {trusted}") from error
    return context


def fingerprint(one: x509.Certificate) -> str:
    """SHA-256 of a certificate in hexadecimal pairs."""
    return one.fingerprint(hashes.SHA256()).hex(":").upper()


def der(trusted: Path) -> bytes:
    """A certificate file as telephones take it: binary.

    Raises:
        ConfigError: it cannot be read.
    """
    return certificate(trusted).public_bytes(serialization.Encoding.DER)


def ends(files: Files) -> int:
    """When the certificate ends, seconds since 1970.

    Raises:
        ConfigError: it cannot be read.
    """
    return int(certificate(files.certificate).not_valid_after_utc.timestamp())


# -- making ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Pair:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def public(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def text(self) -> str:
        key = self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return key.decode() + self.public()


def _new_authority(general: Sequence[x509.GeneralName], now: datetime.datetime) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    # Two authorities of one hub must not have one name: a desk that has both would take the wrong.
    name = _name(f"Vọng Gác CA {x509.random_serial_number():x}"[:40])
    permitted = [_subtree(one) for one in general]
    builder = _begun(name, name, key, now, AUTHORITY_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs=True), critical=True)
    builder = builder.add_extension(x509.NameConstraints(permitted, None), critical=True)
    return _Pair(builder.sign(key, hashes.SHA256()), key)


def _new_leaf(root: _Pair, general: Sequence[x509.GeneralName], now: datetime.datetime) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    end = root.certificate.not_valid_after_utc - now
    days = min(LEAF_DAYS, end.days)
    builder = _begun(_name("Vọng Gác"), root.certificate.subject, key, now, days)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
    builder = builder.add_extension(_usage(signs=False), critical=True)
    builder = builder.add_extension(
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
    )
    builder = builder.add_extension(x509.SubjectAlternativeName(general), critical=False)
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(root.key.public_key()), critical=False
    )
    return _Pair(builder.sign(root.key, hashes.SHA256()), key)


def _begun(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime.datetime,
    days: int,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


# -- reading ---------------------------------------------------------------------------------


def _pair(path: Path) -> _Pair | None:
    if not path.exists():
        return None
    content = read_secret(path).reveal().encode()
    try:
        key = serialization.load_pem_private_key(content, password=None)
        found = x509.load_pem_x509_certificates(content)[0]
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigError(f"{path} holds no key with its certificate; move it away") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ConfigError(f"{path} holds no key of ours; move it away")
    return _Pair(found, key)


def certificate(path: Path) -> x509.Certificate:
    """The first certificate of a file in PEM.

    Raises:
        ConfigError: there is none.
    """
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())[0]
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read a certificate from {path}") from error


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name.strip("[]")))
    except ValueError:
        pass
    try:
        return x509.DNSName(name.encode("idna").decode())
    except (ValueError, UnicodeError) as error:
        raise ConfigError(f"web.names: {name!r} is no host name and no address") from error


def _subtree(one: x509.GeneralName) -> x509.GeneralName:
    """A name as constraints write it: an address is a network of one."""
    if isinstance(one, x509.IPAddress):
        return x509.IPAddress(ipaddress.ip_network(one.value))
    return one


def _names(leaf: x509.Certificate) -> set[x509.GeneralName]:
    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return set()
    return set(found.value)


def _covers(root: x509.Certificate, general: Sequence[x509.GeneralName]) -> bool:
    try:
        found = root.extensions.get_extension_for_class(x509.NameConstraints)
    except x509.ExtensionNotFound:
        return False
    return set(found.value.permitted_subtrees or ()) >= {_subtree(one) for one in general}


def _signed(leaf: x509.Certificate, root: x509.Certificate) -> bool:
    try:
        leaf.verify_directly_issued_by(root)
    except Exception:  # noqa: BLE001 - whatever it is, this certificate is made anew
        return False
    return True


def _ends_soon(pair: _Pair, now: datetime.datetime) -> bool:
    # A box whose clock wakes in 1970 must not make a new authority: only an end counts.
    return pair.certificate.not_valid_after_utc - now < datetime.timedelta(days=RENEW_DAYS)


def _no_password() -> bytes:
    """An encrypted key would make OpenSSL ask at the terminal."""
    return b""
