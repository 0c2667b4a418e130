"""The code that a person carries, and what box and hub prove to each other with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from vonggac import keys
from vonggac.edge import identity, joining
from vonggac.edge.recovery import next_epoch
from vonggac.errors import Kind, VonggacError
from vonggac.keys import enrolment as proving
from vonggac.wire import enrolment as wires

if TYPE_CHECKING:
    from pathlib import Path

AT = 1_794_987_127_000_000_000
SECRET = "abcdefghijkmnpqr"
HUB, STRANGER = keys.SigningKey(keys.new_seed()), keys.SigningKey(keys.new_seed())
SITE = wires.EnrolledSite(
    id="b" * 26, name="cs-1", title="Cơ sở “1” \\ \n", address="", owner_line="civil", unit="u1",
    unit_title="Xã A", retention_days=30, epoch=4,
)  # fmt: skip
ENROLMENT = wires.Enrolment(
    v=1, hub="h" * 26, hub_key=HUB.public, hub_title="Trung tâm", pages="https://hub.example",
    site=SITE, addresses=("wss://hub.example",), control="TOKEN\nSUSEED\n", media="TOKEN\nSU\n",
    authority="-----BEGIN CERTIFICATE-----\n",
)  # fmt: skip


def offer(key: keys.SigningKey = HUB) -> wires.EnrolOffer:
    return wires.EnrolOffer(1, "h" * 26, key.public, str(AT))


@pytest.mark.parametrize(
    "address", ["https://hub.example", "https://hub.example:8443", "http://127.0.0.1:8080"]
)
def test_a_code_is_read_as_people_type_it(address: str) -> None:
    """Capitals, spaces and missing dashes do not matter; the address stands in it."""
    code = wires.Code.of(f"{address}/signin", SECRET, HUB.public)
    for typed in (str(code), str(code).upper(), f" {str(code).replace('-', ' ')} \n"):
        assert wires.read_code(typed) == code
    assert code.address == address
    assert SECRET not in repr(code)


def test_every_wrong_letter_of_a_code_is_noticed_before_anybody_is_asked() -> None:
    """A slip of the hand is told as such, also one in the address."""
    told = str(wires.Code.of("https://hub.example", SECRET, HUB.public))
    for at, letter in enumerate(told):
        other = "b" if letter != "b" else "c"
        with pytest.raises(VonggacError) as refused:
            wires.read_code(told[:at] + other + told[at + 1 :])
        assert refused.value.detail["code"] == "mistyped"
    for typed in ("", "hub.example", told[:-1], told + "a", "x" * 5_000, "https:///" + told):
        with pytest.raises(VonggacError):
            wires.read_code(typed)


def test_only_the_hub_of_the_code_reads_the_question_and_only_the_box_the_answer() -> None:
    """Whoever stands between has neither; a hub with another key is not meant."""
    box = keys.SigningKey(keys.new_seed())
    chain = keys.Chain("s" * 26, box.public)
    code = wires.Code.of("https://hub.example", SECRET, HUB.public)
    assert proving.is_meant(code, offer())
    assert not proving.is_meant(code, offer(STRANGER))
    body = proving.asked(code, offer(), box, chain, version="1", at_ns=AT)
    assert SECRET not in msgspec.json.encode(body).decode()
    asked = proving.opened(HUB, body)
    assert (asked.ask.secret, asked.chain) == (SECRET, chain)
    with pytest.raises(VonggacError) as refused:
        proving.opened(STRANGER, body)
    assert refused.value.detail["code"] == "foreign"
    answer = proving.answered(HUB, box.public, ENROLMENT)
    assert proving.accepted(HUB.public, box, answer) == ENROLMENT
    with pytest.raises(VonggacError):
        proving.accepted(STRANGER.public, box, answer)
    with pytest.raises(VonggacError):
        proving.accepted(HUB.public, STRANGER, proving.answered(HUB, box.public, ENROLMENT))


def test_a_box_that_does_not_hold_the_key_it_names_is_refused() -> None:
    """A copied question with another key in it, or another time, is nobody's."""
    box = keys.SigningKey(keys.new_seed())
    code = wires.Code.of("https://hub.example", SECRET, HUB.public)
    chain = keys.Chain("s" * 26, box.public)
    body = proving.asked(code, offer(), box, chain, version="1", at_ns=AT)
    ask = proving.opened(HUB, body).ask
    for changed in ({"first": STRANGER.public}, {"at_ns": AT + 1}, {"site": "t" * 26}):
        forged = msgspec.structs.replace(ask, **changed)
        sealed = keys.seal(HUB.public, wires.encode_enrolment(forged))
        with pytest.raises(VonggacError) as refused:
            proving.opened(HUB, wires.EnrolSealed(1, sealed))
        assert refused.value.kind is Kind.CORRUPT


def test_what_a_box_keeps_is_read_again_and_shows_no_secret(tmp_path: Path) -> None:
    """`parent.json` is whole or not there, closed to others, and its repr tells nothing."""
    assert proving.parent_at(tmp_path) is None
    proving.keep(tmp_path, ENROLMENT)
    assert proving.parent_at(tmp_path) == ENROLMENT
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    assert "SEED" not in repr(ENROLMENT)


def test_a_fresh_box_becomes_that_of_its_facility_when_it_is_started(tmp_path: Path) -> None:
    """With the same key, under the facility's id, above the lives of any earlier box."""
    recordings = tmp_path / joining.RECORDINGS
    assert joining.settle(tmp_path) is None
    before = identity.identity_at(recordings)
    proving.keep(tmp_path / joining.KEYS, ENROLMENT)
    (recordings / "journal").mkdir()
    assert joining.settle(tmp_path) == ENROLMENT
    after = identity.identity_at(recordings)
    assert (after.site, after.key.public) == (SITE.id, before.key.public)
    assert next_epoch(recordings, after.chain) == SITE.epoch + 1
    assert (tmp_path / f"before-{before.site}" / "journal").is_dir()
    assert joining.settle(tmp_path) == ENROLMENT


def test_a_box_that_has_recorded_keeps_its_id(tmp_path: Path) -> None:
    """Every byte that it signed names that id; another one would make them nobody's."""
    recordings = tmp_path / joining.RECORDINGS
    before = identity.identity_at(recordings)
    hour = recordings / "cam01" / "2026-11-18" / "14"
    hour.mkdir(parents=True)
    (hour / "cam01_main.mp4").write_bytes(b"")
    proving.keep(tmp_path / joining.KEYS, ENROLMENT)
    with pytest.raises(VonggacError) as refused:
        joining.settle(tmp_path)
    assert refused.value.detail["code"] == "has_recordings"
    assert identity.identity_at(recordings).site == before.site
