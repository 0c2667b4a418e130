"""Answers to challenges, with the examples of the RFCs and the habits of cameras."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonggac.causes import Cause
from vonggac.config import Secret
from vonggac.errors import RunEnded
from vonggac.media.digest import Challenge, Credentials, parse_challenges

NONCE_7616 = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
OPAQUE_7616 = "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"
CNONCE_7616 = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


def mufasa(password: str = "Circle of Life", cnonce: str = CNONCE_7616) -> Credentials:
    return Credentials("Mufasa", Secret(password), make_cnonce=lambda: cnonce)


def challenge_7616(algorithm: str) -> str:
    return (
        f'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={algorithm}, '
        f'nonce="{NONCE_7616}", opaque="{OPAQUE_7616}"'
    )


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_rfc_7616(algorithm: str, response: str) -> None:
    """Section 3.9.1, both algorithms; the whole header."""
    credentials = mufasa()
    credentials.challenged([challenge_7616(algorithm)])

    assert credentials.header("GET", "/dir/index.html") == (
        'Digest username="Mufasa", realm="http-auth@example.org", '
        f'nonce="{NONCE_7616}", uri="/dir/index.html", response="{response}", '
        f'algorithm={algorithm}, opaque="{OPAQUE_7616}", '
        f'qop=auth, nc=00000001, cnonce="{CNONCE_7616}"'
    )


def test_the_example_of_rfc_2069_has_five_fields_only() -> None:
    """Without qop and algorithm, as most cameras still ask (value as corrected by erratum 749)."""
    credentials = mufasa("CircleOfLife")
    credentials.challenged(
        ['Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"']
    )

    assert credentials.header("GET", "/dir/index.html") == (
        'Digest username="Mufasa", realm="testrealm@host.com", '
        'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", '
        'response="1949323746fe6a43ef61f9606e7febea"'
    )


def test_nonce_counts_grow_and_begin_anew_with_a_new_nonce() -> None:
    """A camera that checks nc refuses a repeated one as a replay (RFC 7616 section 3.4)."""
    credentials = mufasa()
    credentials.challenged(['Digest realm="r", nonce="one", qop="auth"'])
    counts = [str(credentials.header("PLAY", "*")).partition("nc=")[2][:8] for _ in range(3)]
    credentials.accepted()
    credentials.challenged(['Digest realm="r", nonce="two", qop="auth", stale=TRUE'])

    assert counts == ["00000001", "00000002", "00000003"]
    assert 'nonce="two"' in str(credentials.header("PLAY", "*"))
    assert "nc=00000002" in str(credentials.header("PLAY", "*"))


def test_md5_sess_hashes_the_nonces_into_the_key() -> None:
    """RFC 7616 section 3.4.2; without qop the cnonce is sent all the same."""
    credentials = mufasa(cnonce="0a4f113b")
    credentials.challenged(['Digest realm="r", nonce="n", algorithm=MD5-sess'])

    assert credentials.header("DESCRIBE", "rtsp://h/x") == (
        'Digest username="Mufasa", realm="r", nonce="n", uri="rtsp://h/x", '
        'response="292acd44613e9f30bcfa2791b7b10e00", algorithm=MD5-sess, cnonce="0a4f113b"'
    )


def test_basic_is_utf_8_in_base64() -> None:
    """RFC 7617 section 2.1."""
    credentials = Credentials("test", Secret("123£"))
    credentials.challenged(['Basic realm="foo", charset="UTF-8"'])

    assert credentials.header("GET", "/") == "Basic dGVzdDoxMjPCow=="


def test_nothing_is_sent_before_a_challenge() -> None:
    """Not even the name."""
    assert mufasa().header("OPTIONS", "rtsp://h/x") is None
    assert not mufasa().known


@pytest.mark.parametrize(
    ("offered", "taken"),
    [
        (['Basic realm="c"', 'Digest realm="c", nonce="1"'], "Digest"),
        (['Digest realm="c", nonce="1"', 'Basic realm="c"'], "Digest"),
        ([challenge_7616("MD5"), challenge_7616("SHA-256")], "algorithm=SHA-256"),
        ([challenge_7616("SHA-256"), challenge_7616("MD5")], "algorithm=SHA-256"),
        ([challenge_7616("SHA-512-256"), challenge_7616("md5")], "algorithm=md5"),
        (['Digest realm="c", nonce="1", qop="auth-int"', 'Basic realm="c"'], "Basic"),
        (["Negotiate", 'Basic realm="c"'], "Basic"),
        (['Digest realm="c", nonce="1", Basic realm="d"'], "Digest"),
    ],
)
def test_the_strongest_challenge_that_we_speak_is_answered(offered: list[str], taken: str) -> None:
    """In whatever order and however many headers they come."""
    credentials = mufasa()
    credentials.challenged(offered)

    assert taken in str(credentials.header("DESCRIBE", "rtsp://h/x"))


def test_a_wrong_password_is_sent_once() -> None:
    """Cameras lock accounts; a new nonce alone is no reason to try again."""
    credentials = mufasa()
    credentials.challenged(['Digest realm="c", nonce="1"'])

    with pytest.raises(RunEnded, match="does not accept the user and password") as caught:
        credentials.challenged(['Digest realm="c", nonce="2"'])
    assert caught.value.cause is Cause.REFUSED


def test_a_stale_nonce_is_renewed_once() -> None:
    """A camera that always says stale is a camera that refuses."""
    credentials = mufasa()
    credentials.challenged(['Digest realm="c", nonce="1"'])
    credentials.challenged(['Digest realm="c", nonce="2", stale="true"'])

    assert 'nonce="2"' in str(credentials.header("PLAY", "*"))
    with pytest.raises(RunEnded):
        credentials.challenged(['Digest realm="c", nonce="3", stale="true"'])


def test_a_new_nonce_is_taken_from_a_camera_that_took_these_credentials_before() -> None:
    """Many let nonces expire and never say stale."""
    credentials = mufasa()
    credentials.challenged(['Digest realm="c", nonce="1"'])
    credentials.accepted()
    credentials.challenged(['Digest realm="c", nonce="2"'])
    credentials.accepted()
    credentials.challenged(['Digest realm="c", nonce="3"'])

    assert 'nonce="3"' in str(credentials.header("PLAY", "*"))
    with pytest.raises(RunEnded):
        credentials.challenged(['Digest realm="c", nonce="4"'])


def test_the_same_nonce_again_after_success_is_a_refusal() -> None:
    """The password was changed, or the user may not do this."""
    credentials = mufasa()
    credentials.challenged(['Digest realm="c", nonce="1"'])
    credentials.accepted()

    with pytest.raises(RunEnded):
        credentials.challenged(['Digest realm="c", nonce="1"'])


def test_md5_is_tried_once_where_sha_256_was_announced_and_refused() -> None:
    """Firmware exists that announces it and cannot do it; Basic is never fallen back to."""
    offered = [challenge_7616("SHA-256"), challenge_7616("MD5"), 'Basic realm="c"']
    credentials = mufasa()
    credentials.challenged(offered)
    before = credentials.weakened
    credentials.challenged(offered)

    assert (before, credentials.weakened) == (False, True)
    assert "algorithm=MD5" in str(credentials.header("DESCRIBE", "rtsp://h/x"))
    with pytest.raises(RunEnded):
        credentials.challenged(offered)


def test_a_camera_that_asks_when_nothing_is_configured() -> None:
    """The sentence must tell this from a wrong password."""
    with pytest.raises(RunEnded, match="none is configured") as caught:
        Credentials("", Secret("")).challenged(['Digest realm="c", nonce="1"'])
    assert caught.value.cause is Cause.REFUSED


@pytest.mark.parametrize(
    ("offered", "named"),
    [
        ([], "none named"),
        (['Digest realm="c", nonce="1", algorithm=SHA-512-256'], "digest SHA-512-256"),
        (["Negotiate\x07"], "none named"),
        (["Negotiate"], "negotiate"),
    ],
)
def test_a_way_that_is_not_spoken_is_named(offered: list[str], named: str) -> None:
    """So that a technician can switch the camera to Digest MD5."""
    with pytest.raises(RunEnded, match=named) as caught:
        mufasa().challenged(offered)
    assert caught.value.cause is Cause.REFUSED


def test_challenges_are_read_as_cameras_write_them() -> None:
    """Unquoted, escaped, without spaces, without the closing quote."""
    assert parse_challenges(
        ['digest realm="a \\"b\\"",nonce=abc,stale=FALSE , Basic realm="never closed']
    ) == [
        Challenge("digest", realm='a \\"b\\"', nonce="abc"),
        Challenge("basic", realm="never closed"),
    ]


def test_quotes_in_names_are_escaped_and_in_hashes_are_not() -> None:
    """RFC 7616 section 3.4: unq() of what stands between the quotes is hashed."""
    credentials = Credentials('a"\\b', Secret("p"))
    credentials.challenged(['Digest realm="r\\"s", nonce="n"'])

    assert credentials.header("GET", "/") == (
        'Digest username="a\\"\\\\b", realm="r\\"s", nonce="n", uri="/", '
        'response="b34e3186405016865665ca85056f83b5"'
    )


@given(st.lists(st.text(max_size=120), max_size=10))
def test_any_challenge_is_answered_or_refused(values: list[str]) -> None:
    """And never more than eight are kept."""
    assert len(parse_challenges(values)) <= 8
    credentials = mufasa()
    for _ in range(3):
        try:
            credentials.challenged(values)
        except RunEnded:
            return
        header = credentials.header("DESCRIBE", "rtsp://h/x")
        assert header is not None
        assert "Circle" not in header
