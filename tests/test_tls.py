"""The private authority of a hub, and listeners that speak TLS or do not start."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest

from vonggac import bus, keys
from vonggac.clock import SystemClock
from vonggac.config import Config, TlsConfig, WebConfig, load
from vonggac.errors import ConfigError, VonggacError
from vonggac.keys import tls
from vonggac.web import tls as web_tls

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = 1_800_000_000
DAY = 86_400
NAMES = ("giam-sat.example", "192.0.2.5")


def test_the_authority_is_made_once_and_its_key_is_closed_to_others(tmp_path: Path) -> None:
    """Desks install it once; whoever reads its key could speak for the hub."""
    made = tls.authority(tmp_path / "tls", NAMES, now_s=NOW)

    assert tls.authority(tmp_path / "tls", NAMES, now_s=NOW + DAY) == made
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "tls").iterdir()}
    assert modes == {"authority.pem": 0o600, "server.pem": 0o600, "ca.pem": 0o600}
    assert b"PRIVATE" not in made.trusted.read_bytes()


def test_a_certificate_is_renewed_before_its_end_and_the_authority_stays(tmp_path: Path) -> None:
    """397 days, renewed in the last 30; no desk has to do anything."""
    made = tls.authority(tmp_path, NAMES, now_s=NOW)
    later = tls.authority(tmp_path, NAMES, now_s=NOW + 366 * DAY)
    last = tls.authority(tmp_path, NAMES, now_s=NOW + 368 * DAY)

    assert made.until_s == later.until_s == NOW + 397 * DAY
    assert last.until_s > made.until_s
    assert last.fingerprint == made.fingerprint


def test_a_clock_that_wakes_in_1970_makes_no_new_authority(tmp_path: Path) -> None:
    """A box without a battery; every desk would have to install the new one."""
    made = tls.authority(tmp_path, NAMES, now_s=NOW)

    assert tls.authority(tmp_path, NAMES, now_s=3_600) == made


def test_an_authority_speaks_for_its_own_names_alone(tmp_path: Path) -> None:
    """OpenSSL refuses a certificate that a thief signs with it for another site."""
    made = tls.authority(tmp_path, NAMES, now_s=NOW)
    subprocess.run(
        ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-keyout", tmp_path / "k.pem", "-subj", "/CN=thief", "-out", tmp_path / "r.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    for name in ("bank.example", "giam-sat.example"):
        (tmp_path / "san").write_text(f"subjectAltName=DNS:{name}\n")
        subprocess.run(
            ["openssl", "x509", "-req", "-in", tmp_path / "r.pem", "-CA", made.trusted, "-CAkey",
             tmp_path / "authority.pem", "-extfile", tmp_path / "san", "-days", "9", "-out",
             tmp_path / f"{name}.pem"],
            check=True, capture_output=True,
        )  # fmt: skip

    def verdict(name: str) -> str:
        done = subprocess.run(
            ["openssl", "verify", "-no_check_time", "-CAfile", made.trusted,
             tmp_path / f"{name}.pem"],
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        return done.stdout + done.stderr

    assert "permitted subtree violation" in verdict("bank.example")
    assert verdict("giam-sat.example").strip().endswith("OK")


def test_new_names_take_a_new_authority(tmp_path: Path) -> None:
    """Its constraints could not sign them; fewer names need nothing but a new certificate."""
    made = tls.authority(tmp_path, NAMES, now_s=NOW)
    fewer = tls.authority(tmp_path, NAMES[:1], now_s=NOW)
    more = tls.authority(tmp_path, (*NAMES, "khac.example"), now_s=NOW)

    assert fewer.fingerprint == made.fingerprint != more.fingerprint


def test_a_name_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"web\.names: 'a\.\.b'"):
        tls.authority(tmp_path, ["a..b"], now_s=NOW)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """A certificate and its key as an authority of the province would send them."""
    made = tls.authority(tmp_path / "made", NAMES, now_s=NOW)
    text = made.files.certificate.read_text()
    at = text.index("-----BEGIN CERTIFICATE")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    key.write_text(text[:at])
    key.chmod(0o640)
    certificate.write_text(text[at:])
    yield certificate, key


def test_a_given_certificate_is_tried_before_anything_starts(
    pair: tuple[Path, Path], tmp_path: Path
) -> None:
    """A key that everybody may read, of another certificate, or not there: one sentence each."""
    certificate, key = pair
    assert tls.given(certificate, key) == tls.Files(certificate, key)

    with pytest.raises(ConfigError, match=r"cannot read .*/none\.pem"):
        tls.given(certificate, tmp_path / "none.pem")
    with pytest.raises(ConfigError, match="no certificate with its key"):
        tls.given(certificate, certificate_as_key(certificate, tmp_path))
    key.chmod(0o644)
    with pytest.raises(ConfigError, match="may be read by everybody; run: chmod 640"):
        tls.given(certificate, key)


def certificate_as_key(certificate: Path, folder: Path) -> Path:
    """What a tired person configures."""
    wrong = folder / "wrong.pem"
    wrong.write_bytes(certificate.read_bytes())
    wrong.chmod(0o600)
    return wrong


def test_a_replaced_certificate_is_taken_and_a_broken_one_is_not(
    pair: tuple[Path, Path], tmp_path: Path
) -> None:
    """Whoever renews it replaces the files; a half-written one leaves the old one in use."""
    certificate, key = pair
    config = Config(
        data_dir=str(tmp_path), web=WebConfig(tls=TlsConfig(str(certificate), str(key)))
    )
    found = web_tls.secured(config, tmp_path / "keys", now_s=NOW)
    assert found is not None
    assert found.authority is None
    assert not web_tls.look(found, NOW)

    before = certificate.read_text()
    certificate.write_text(before[:100])
    with pytest.raises(ConfigError, match="no certificate with its key"):
        web_tls.look(found, NOW)
    certificate.write_text(before)
    assert web_tls.look(found, NOW)
    assert not web_tls.look(found, NOW)


@pytest.mark.parametrize("field", ["host", "websocket_host"])
def test_a_bus_on_the_network_without_tls_does_not_start(field: str) -> None:
    """The sentence says what to set."""
    name = "bus.host" if field == "host" else "bus.websocket_host"
    with pytest.raises(ConfigError, match=rf'{name}: 0\.0\.0\.0 .* set web\.tls \("private-ca"'):
        bus.Settings(**{field: "0.0.0.0"})


def test_sending_on_to_https_needs_https(tmp_path: Path) -> None:
    path = tmp_path / "vonggac.toml"
    path.write_text('data_dir = "."\n[web]\nredirect_port = 8080\n')
    with pytest.raises(ConfigError, match=r"redirect_port .* set web\.tls too"):
        load(path)


def test_both_ways_to_say_tls_are_read(tmp_path: Path) -> None:
    path = tmp_path / "vonggac.toml"
    path.write_text('data_dir = "."\n[web]\ntls = "private-ca"\n')
    assert load(path).web.tls == "private-ca"
    path.write_text('data_dir = "."\n[web.tls]\ncert = "a.pem"\nkey = "b.pem"\n')
    assert load(path).web.tls == TlsConfig("a.pem", "b.pem")


async def test_the_bus_behind_tls_is_for_those_who_verify_it(tmp_path: Path) -> None:
    """Listening everywhere: the right authority gets in, another refuses, plain text gets nothing.

    A renewed certificate is shown to the next who comes, and who was in is in.
    """
    clock = SystemClock()
    now_s = clock.wall_ns() // 1_000_000_000
    own = tls.authority(tmp_path / "tls", (), now_s=now_s - 380 * DAY)
    other = tls.authority(tmp_path / "other", (), now_s=now_s)
    trust = keys.Trust.at(tmp_path / "trust", issued_s=now_s)
    settings = bus.Settings(
        host="0.0.0.0", websocket_host="0.0.0.0", own_tls=own, browser_tls=own.files
    )
    server = bus.NatsServer(tmp_path / "nats", trust, settings, clock)
    address = await server.start()
    connection: bus.Connection | None = None
    try:
        assert address.url.startswith("tls://127.0.0.1:")
        assert address.websocket.startswith("wss://")
        port = int(address.url.rpartition(":")[2])
        control, _ = trust.hub_users(issued_s=now_s)
        connection = await bus.connect(address.url, control, name="a", trusted=own.trusted)
        with pytest.raises(VonggacError, match="cannot connect"):
            await bus.connect(address.url, control, name="b", trusted=other.trusted)
        assert b"INFO" not in await asyncio.to_thread(said_in_clear, port)
        serial = await asyncio.to_thread(shown, port, own)

        tls.authority(tmp_path / "tls", (), now_s=now_s)
        server.reload()
        async with asyncio.timeout(20):
            while await asyncio.to_thread(shown, port, own) == serial:
                await asyncio.sleep(0.05)
        wss = int(address.websocket.rpartition(":")[2].strip("/"))
        assert await asyncio.to_thread(shown, wss, own) != serial
        for door in (port, wss):
            assert await asyncio.to_thread(speaks, door, own, tls.CIPHERS)
            assert not await asyncio.to_thread(speaks, door, own, WEAK)

        async with asyncio.timeout(20):
            while not connection.connected:
                await asyncio.sleep(0.05)
    finally:
        if connection is not None:
            await connection.close()
        await server.stop()


def said_in_clear(port: int) -> bytes:
    """What the server says within a second to somebody who speaks no TLS."""
    with socket.create_connection(("127.0.0.1", port), timeout=1) as plain:
        plain.sendall(b"CONNECT {}\r\nPING\r\n")
        with contextlib.suppress(TimeoutError):
            return plain.recv(4096)
    return b""


WEAK = "ECDHE+AES:!AESGCM:!AESCCM:@SECLEVEL=0"
"""Of TLS 1.2 with CBC, which Go and OpenSSL would still speak by themselves."""


def speaks(port: int, own: tls.Authority, ciphers: str) -> bool:
    """Whether a listener agrees with somebody who knows these of TLS 1.2 alone."""
    context = tls.client_context(own.trusted)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(ciphers)
    with socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
        try:
            context.wrap_socket(plain, server_hostname="127.0.0.1").close()
        except ssl.SSLError:
            return False
    return True


def shown(port: int, own: tls.Authority) -> str:
    """Serial number of the certificate that a listener shows."""
    context = tls.client_context(own.trusted)
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        told = secure.getpeercert()
    assert isinstance(told, dict)
    return str(told["serialNumber"])


def test_clients_of_ours_speak_nothing_older_than_1_2(tmp_path: Path) -> None:
    own = tls.authority(tmp_path, (), now_s=NOW)

    for context in (tls.client_context(own.trusted), tls.server_context(own.files)):
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2
        older = [one for one in context.get_ciphers() if one["protocol"] != "TLSv1.3"]
        assert {str(one["name"]).partition("-")[0] for one in older} == {"ECDHE"}
        assert all(one["aead"] for one in older)
