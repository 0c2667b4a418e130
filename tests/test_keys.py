"""Keys, tokens and signatures: what is taken, what is refused, what can never be printed."""

from __future__ import annotations

import base64
import json
import stat
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonggac import keys, wire
from vonggac.config import Secret
from vonggac.errors import ConfigError, Kind, VonggacError

if TYPE_CHECKING:
    from pathlib import Path

HUB = "a" * 26
SITE = "b" * 26
GRANT = "c" * 26
NOW_S = 1_800_000_000
SEED = base64.urlsafe_b64encode(bytes(range(32))).decode().rstrip("=")
OTHER_SEED = base64.urlsafe_b64encode(bytes(32)).decode().rstrip("=")
HUB_KEY = keys.SigningKey(Secret(SEED))
OTHER_KEY = keys.SigningKey(Secret(OTHER_SEED))


def grant(**changed: object) -> keys.Grant:
    terms: dict[str, Any] = {
        "id": GRANT,
        "hub": HUB,
        "site": SITE,
        "cameras": ("cam01",),
        "streams": ("main",),
        "verbs": (wire.Verb.OPEN, wire.Verb.GOP),
        "purpose": "shift duty",
        "actor": "account 17",
        "iat": NOW_S,
        "exp": NOW_S + 120,
    }
    return keys.Grant(**(terms | changed))


def take(token: str, now_s: int = NOW_S, site: str = SITE, hub: str = HUB) -> keys.Grant:
    return keys.verify(token, key=HUB_KEY.public, hub=hub, site=site, now_s=now_s).grant


# ---- grants --------------------------------------------------------------------------------


def test_grant_comes_back_as_it_was_issued() -> None:
    """The edge sees the actor and the purpose that the hub wrote."""
    issued = grant()

    assert take(keys.issue(HUB_KEY, issued)) == issued


@pytest.mark.parametrize(
    ("question", "why"),
    [
        (("cam01", wire.Verb.OPEN, "main"), None),
        (("cam01", wire.Verb.GOP, "main"), None),
        (("cam01", wire.Verb.MORE, None), None),
        (("cam02", wire.Verb.OPEN, "main"), "camera"),
        (("-", wire.Verb.OPEN, "main"), "camera"),
        (("*", wire.Verb.OPEN, "main"), "camera"),
        (("cam01", wire.Verb.OPEN, "sub"), "stream"),
        (("cam01", wire.Verb.SNAPSHOT, "main"), "verb"),
        (("cam01", wire.Verb.MP4, "main"), "verb"),
        (("cam01", wire.Verb.PROBE, None), "verb"),
    ],
)
def test_what_a_grant_does_not_name_is_refused(
    question: tuple[str, wire.Verb, Any], why: str | None
) -> None:
    """Deny by default, for each of camera, verb and stream."""
    camera, verb, stream = question
    if why is None:
        grant().check(camera=camera, verb=verb, stream=stream)
        return

    with pytest.raises(VonggacError, match=why) as refused:
        grant().check(camera=camera, verb=verb, stream=stream)
    assert refused.value.kind is Kind.FORBIDDEN


@pytest.mark.parametrize("verb", [verb for verb in wire.Verb if verb not in wire.VIEWER_VERBS
                                  and verb is not wire.Verb.MORE])  # fmt: skip
def test_hubs_verbs_need_the_hubs_own_grant_even_when_named(verb: wire.Verb) -> None:
    """A viewer's grant that names `configure` by some error of ours still opens nothing."""
    named = grant(verbs=(verb,))

    with pytest.raises(VonggacError) as refused:
        named.check(camera="cam01", verb=verb, stream=None)

    assert refused.value.kind is Kind.FORBIDDEN
    grant(verbs=(verb,), own=True).check(camera="cam01", verb=verb, stream=None)


@pytest.mark.parametrize(
    ("token", "kind"),
    [
        ("", Kind.UNAUTHENTICATED),
        ("a.b.c", Kind.UNAUTHENTICATED),
        ("x" * 20_000, Kind.UNAUTHENTICATED),
        ("\u0111", Kind.UNAUTHENTICATED),
        (keys.issue(HUB_KEY, grant()) + "x", Kind.UNAUTHENTICATED),
        (keys.issue(HUB_KEY, grant())[:-4], Kind.UNAUTHENTICATED),
        (keys.issue(OTHER_KEY, grant()), Kind.UNAUTHENTICATED),
        (keys.issue(HUB_KEY, grant(exp=NOW_S, iat=NOW_S - 120)), Kind.UNAUTHENTICATED),
        (keys.issue(HUB_KEY, grant(iat=NOW_S + 121, exp=NOW_S + 200)), Kind.UNAUTHENTICATED),
        (keys.issue(HUB_KEY, grant(site="d" * 26)), Kind.FORBIDDEN),
        (keys.issue(HUB_KEY, grant(hub="d" * 26)), Kind.FORBIDDEN),
    ],
)
def test_token_that_is_absent_forged_over_or_for_others_is_refused(token: str, kind: Kind) -> None:
    """Each way a token can be wrong, and never an exception of another family."""
    with pytest.raises(VonggacError) as refused:
        take(token)

    assert refused.value.kind is kind


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS256"])
def test_token_that_names_another_algorithm_is_refused(algorithm: str) -> None:
    """The oldest hole of JWTs: the token must not choose how it is checked."""
    _, body, signature = keys.issue(HUB_KEY, grant()).split(".")
    head = base64.urlsafe_b64encode(
        json.dumps({"alg": algorithm, "typ": "vg-grant+jwt"}).encode()
    ).decode()

    with pytest.raises(VonggacError) as refused:
        take(f"{head.rstrip('=')}.{body}.{signature}")

    assert refused.value.kind is Kind.UNAUTHENTICATED


@given(st.data())
def test_any_changed_byte_of_a_token_is_noticed(data: st.DataObject) -> None:
    """One letter, anywhere; base64's unused last bits decode to the same bytes and may pass."""
    token = keys.issue(HUB_KEY, grant())
    at = data.draw(st.integers(0, len(token) - 2))
    letter = data.draw(st.sampled_from("ABCabc019-_."))
    changed = token[:at] + letter + token[at + 1 :]

    if changed == token:
        return
    try:
        taken = take(changed)
    except VonggacError:
        return
    assert taken == grant()  # the same bytes in another spelling


@pytest.mark.parametrize(
    "wrong",
    [
        {"exp": NOW_S},
        {"exp": NOW_S + 3_601},
        {"cameras": ()},
        {"verbs": ()},
        {"cameras": ("*",)},
        {"cameras": ("phòng",)},
        {"actor": ""},
        {"id": "short"},
    ],
)
def test_grant_that_no_edge_would_take_is_not_issued(wrong: dict[str, object]) -> None:
    """A mistake of ours stops at the hub, not at the site."""
    with pytest.raises(VonggacError) as refused:
        keys.issue(HUB_KEY, grant(**wrong))

    assert refused.value.kind is Kind.BAD_INPUT


# ---- envelopes -----------------------------------------------------------------------------


@given(st.integers(0, 1 << 40), st.integers(0, 1 << 40), st.binary(max_size=200))
def test_envelope_is_genuine_after_a_journey(epoch: int, sequence: int, payload: bytes) -> None:
    """What a site signed, every tier can check, however it travelled."""
    sent = HUB_KEY.envelope(SITE, epoch, sequence, payload)

    arrived = wire.decode_envelope(wire.encode_envelope(sent))

    assert keys.verify_envelope(arrived, HUB_KEY.public).envelope == sent


@pytest.mark.parametrize(
    "changed",
    [
        {"site": "d" * 26},
        {"epoch": 2},
        {"sequence": 8},
        {"payload": b'{"kind":"box_stopped","at":2}'},
        {"signature": bytes(64)},
        {"signature": b""},
    ],
)
def test_envelope_changed_in_any_field_is_refused(changed: dict[str, Any]) -> None:
    """Re-dated, re-ordered, re-addressed: each is another message than the one signed."""
    sent = HUB_KEY.envelope(SITE, 1, 7, b'{"kind":"box_stopped","at":1}')
    forged = wire.Envelope(
        **{name: changed.get(name, getattr(sent, name)) for name in sent.__struct_fields__}
    )

    with pytest.raises(VonggacError) as refused:
        keys.verify_envelope(forged, HUB_KEY.public)

    assert refused.value.kind is Kind.CORRUPT


def test_sites_fields_cannot_be_shifted_into_each_other() -> None:
    """The signed bytes hold newlines between fields that can contain none."""
    assert wire.signed_bytes(SITE, 1, 23, b"x") != wire.signed_bytes(SITE, 12, 3, b"x")
    assert (
        wire.signed_bytes(SITE, 1, 2, b"3\nx") == b"vonggac fact 1\n" + b"b" * 26 + b"\n1\n2\n3\nx"
    )


def test_sealed_credentials_open_for_the_site_alone() -> None:
    """A camera's password crosses the bus in a form that only the box can read."""
    sealed = keys.seal(HUB_KEY.public, b"mat khau")

    assert "mat" not in sealed
    assert HUB_KEY.unseal(sealed) == b"mat khau"
    for key, text in ((OTHER_KEY, sealed), (HUB_KEY, sealed[:-2]), (HUB_KEY, ""), (HUB_KEY, "đ")):
        with pytest.raises(VonggacError) as refused:
            key.unseal(text)
        assert refused.value.kind is Kind.BAD_INPUT


# ---- NATS identities -----------------------------------------------------------------------


def test_nkey_reads_the_seed_of_the_reference_implementation() -> None:
    """Seed and public key of the nkeys documentation (github.com/nats-io/nkeys, README)."""
    key = keys.NKey(Secret("SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY"))

    assert key.public == "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"
    assert keys.is_public(key.public, keys.Role.USER)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF5",  # checksum
        "ADXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4",  # role
        "udxu4rcsjnzoiqhznwxhxordprtgnjahahfrgzneejcpqtt2m7nlcnf4",
        "U" * 56,
        "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4=",
        "U" + "1" * 55,
    ],
)
def test_what_is_no_public_key_of_a_user_is_not_signed(text: str) -> None:
    """The nkey comes from a browser: it is checked before it enters a token."""
    assert not keys.is_public(text, keys.Role.USER)


def test_viewers_token_names_what_it_opens_and_only_through_the_template(tmp_path: Path) -> None:
    """The web process can fill in names; what they mean was signed beside the account."""
    trust = keys.Trust.at(tmp_path / "keys", issued_s=NOW_S)
    user = keys.NKey.create(keys.Role.USER)

    token = trust.viewer_signer().token(
        user.public, site=SITE, cameras=["cam01", "cam02"], streams=["sub"], grant=GRANT,
        issued_s=NOW_S, life_s=60,
    )  # fmt: skip

    body = token.split(".")[1]
    told = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    assert told["exp"] == NOW_S + 60
    assert told["sub"] == user.public
    assert told["nats"] == {
        "type": "user",
        "version": 2,
        "issuer_account": trust.public.media,
        "tags": [
            f"hub:{trust.hub}",
            f"site:{SITE}",
            f"grant:{GRANT}",
            "camera:cam01",
            "camera:cam02",
            "stream:sub",
        ],
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"cameras": ["*"]},
        {"cameras": [">"]},
        {"cameras": ["cam01.main"]},
        {"cameras": ["Cam01"]},
        {"cameras": []},
        {"cameras": ["cam01\n"]},
        {"cameras": [f"cam{n}" for n in range(65)]},
        {"streams": ["*"]},
        {"streams": []},
        {"site": "*"},
        {"hub": "*"},
        {"grant": ">"},
        {"life_s": 121},
        {"life_s": 0},
        {"user": "U" * 56},
    ],
)
def test_viewers_token_takes_no_wildcard_and_no_long_life(
    tmp_path: Path, wrong: dict[str, Any]
) -> None:
    """A wildcard in a tag would open every camera of the hub."""
    signer = keys.Trust.at(tmp_path / "keys", issued_s=NOW_S).viewer_signer()
    asked: dict[str, Any] = {
        "user": keys.NKey.create(keys.Role.USER).public,
        "site": SITE,
        "cameras": ["cam01"],
        "streams": ["main"],
        "grant": GRANT,
        "life_s": 120,
    } | wrong

    with pytest.raises(VonggacError) as refused:
        signer.token(asked.pop("user"), issued_s=NOW_S, **asked)

    assert refused.value.kind is Kind.BAD_INPUT


def test_trust_is_the_same_tree_after_a_restart_and_needs_no_operator_seed(tmp_path: Path) -> None:
    """The operator's seed leaves the machine after set-up; everything goes on."""
    folder = tmp_path / "keys"
    first = keys.Trust.at(folder, issued_s=NOW_S)
    (folder / "operator.seed").unlink()

    again = keys.Trust.at(folder, issued_s=NOW_S + 99)

    assert again.public == first.public
    assert again.account_jwts(issued_s=NOW_S) == first.account_jwts(issued_s=NOW_S)
    assert sorted(path.name for path in folder.iterdir()) == [
        "control-signing.seed",
        "media-signing.seed",
        "operator-signing.seed",
        "system-signing.seed",
        "trust.json",
        "viewer-signing.seed",
    ]


def test_credential_goes_to_another_process_through_a_private_file(tmp_path: Path) -> None:
    """The edge is a child of ours; its credential never stands in a command line."""
    control, _ = keys.Trust.at(tmp_path / "keys", issued_s=1).edge(SITE, issued_s=NOW_S)
    path = tmp_path / "edge-control.creds"

    control.save(path)
    loaded = keys.Credential.load(path)

    assert (loaded.token, loaded.key.public) == (control.token, control.key.public)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text("nothing\n")
    with pytest.raises(ConfigError, match="no credential"):
        keys.Credential.load(path)


# ---- secrets on disk -----------------------------------------------------------------------


def test_no_secret_can_be_printed(tmp_path: Path) -> None:
    """Repr and str end up in logs and tracebacks sooner or later."""
    trust = keys.Trust.at(tmp_path / "keys", issued_s=1)
    control, _ = trust.edge(SITE, issued_s=NOW_S)
    printed = " ".join(
        [
            repr(HUB_KEY),
            str(HUB_KEY),
            repr(control),
            f"{control.key}",
            repr(control.key.seed),
            repr(trust),
            repr(trust.viewer_signer()),
            repr(wire.Credentials("admin", "mat khau")),
        ]
    )
    seeds = [path.read_text() for path in (tmp_path / "keys").glob("*.seed")]

    assert SEED not in printed
    assert "mat khau" not in printed
    assert control.key.seed.reveal() not in printed
    assert [seed for seed in seeds if seed in printed] == []


def test_key_file_is_private_whole_and_replaced_at_once(tmp_path: Path) -> None:
    """Written beside, synced, renamed: a crash leaves the old file or the new one."""
    path = tmp_path / "site.key"
    keys.write_secret(path, "first")
    keys.write_secret(path, "second\n")

    assert keys.read_secret(path).reveal() == "second"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["site.key"]


def test_key_file_that_others_may_read_is_refused_with_the_remedy(tmp_path: Path) -> None:
    """An administrator who copied keys about learns it at the next start."""
    path = tmp_path / "site.key"
    path.write_text("seed")
    path.chmod(0o640)

    with pytest.raises(ConfigError, match="chmod 600"):
        keys.read_secret(path)


@pytest.mark.parametrize("content", [b"", b"short", b"\xff\xfe", b"!" * 43, b"x" * 70_000])
def test_damaged_key_file_stops_the_start_by_name(tmp_path: Path, content: bytes) -> None:
    """Never a traceback of a library, never a key made of something else."""
    path = tmp_path / "site.key"
    path.write_bytes(content)
    path.chmod(0o600)

    with pytest.raises(ConfigError):
        keys.SigningKey.at(path)


def test_signing_key_is_made_once(tmp_path: Path) -> None:
    """A site's identity outlives its restarts."""
    first = keys.SigningKey.at(tmp_path / "site.key")

    assert keys.SigningKey.at(tmp_path / "site.key").public == first.public


def test_credentials_are_locked_for_their_camera(tmp_path: Path) -> None:
    """A row copied to another camera, or opened with another key, gives nothing away."""
    box = keys.Box.at(tmp_path / "credentials.key")
    locked = box.lock(Secret("mật khẩu @:/#"), "cam01")

    assert (
        keys.Box.at(tmp_path / "credentials.key").unlock(locked, "cam01").reveal()
        == "mật khẩu @:/#"
    )
    assert box.lock(Secret("mật khẩu @:/#"), "cam01") != locked  # a fresh nonce each time
    other = keys.Box.at(tmp_path / "other.key")
    for opener, content, label in (
        (box, locked, "cam02"),
        (box, locked[:-1] + bytes([locked[-1] ^ 1]), "cam01"),
        (box, b"", "cam01"),
        (other, locked, "cam01"),
    ):
        with pytest.raises(VonggacError) as refused:
            opener.unlock(content, label)
        assert refused.value.kind is Kind.CORRUPT


def test_new_ids_are_ids() -> None:
    """26 characters, lower case, different each time."""
    made = {keys.new_id() for _ in range(100)}

    assert len(made) == 100
    assert all(wire.is_id(one) for one in made)
