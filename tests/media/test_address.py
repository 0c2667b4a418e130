"""Where a URL's credentials end, and that nobody sees them afterwards."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vonggac.config import Secret
from vonggac.errors import MalformedError
from vonggac.media import address


@pytest.mark.parametrize(
    ("url", "user", "password", "uri"),
    [
        ("rtsp://10.0.0.8", "", "", "rtsp://10.0.0.8:554"),
        ("RTSP://10.0.0.8:8554/cam?x=1&y=2", "", "", "rtsp://10.0.0.8:8554/cam?x=1&y=2"),
        ("  rtsp://cam.local/a b#frag ", "", "", "rtsp://cam.local:554/a%20b"),
        ("rtsp://[2001:db8::7]:99/x", "", "", "rtsp://[2001:db8::7]:99/x"),
        ("rtsp://admin@10.0.0.8/x", "admin", "", "rtsp://10.0.0.8:554/x"),
        ("rtsp://admin:@10.0.0.8/x", "admin", "", "rtsp://10.0.0.8:554/x"),
        ("rtsp://admin:pass@10.0.0.8/x", "admin", "pass", "rtsp://10.0.0.8:554/x"),
        ("rtsp://admin:p@ss@10.0.0.8/x", "admin", "p@ss", "rtsp://10.0.0.8:554/x"),
        ("rtsp://admin:p:a:s@10.0.0.8/x", "admin", "p:a:s", "rtsp://10.0.0.8:554/x"),
        ("rtsp://admin:p/s@10.0.0.8/x", "admin", "p/s", "rtsp://10.0.0.8:554/x"),
        ("rtsp://admin:p?s#t@10.0.0.8/x", "admin", "p?s#t", "rtsp://10.0.0.8:554/x"),
        ("rtsp://admin:1/2@10.0.0.8/x", "admin", "1/2", "rtsp://10.0.0.8:554/x"),
        ("rtsp://admin:a@b/c@10.0.0.8/x", "admin", "a@b/c", "rtsp://10.0.0.8:554/x"),
        (
            "rtsp://admin:a@b:/ #%?c@localhost:8554/cam01",
            "admin",
            "a@b:/ #%?c",
            "rtsp://localhost:8554/cam01",
        ),
        (
            "rtsp://admin:a%40b%3A%2F%20%23%25%3Fc@localhost:8554/cam01",
            "admin",
            "a@b:/ #%?c",
            "rtsp://localhost:8554/cam01",
        ),
        ("rtsp://admin:50%@10.0.0.8/x", "admin", "50%", "rtsp://10.0.0.8:554/x"),
        ("rtsp://admin:50%zz%41@10.0.0.8/x", "admin", "50%zz%41", "rtsp://10.0.0.8:554/x"),
        ("rtsp://admin:mật khẩu@10.0.0.8/x", "admin", "mật khẩu", "rtsp://10.0.0.8:554/x"),
        ("rtsp://10.0.0.8/user=admin@site/x", "", "", "rtsp://10.0.0.8:554/user=admin@site/x"),
        ("rtsp://cam1/user=admin@1/x", "", "", "rtsp://cam1:554/user=admin@1/x"),
        ("rtsp://admin:a/b@cam1/x", "admin", "a/b", "rtsp://cam1:554/x"),
        ("rtsp://nvr/c/%241%2f?q=%zz", "", "", "rtsp://nvr:554/c/%241%2f?q=%zz"),
        ("rtsp://nvr/đường", "", "", "rtsp://nvr:554/%C4%91%C6%B0%E1%BB%9Dng"),
        ("rtsps://nvr:322/x", "", "", "rtsps://nvr:322/x"),
        ("rtsp://10.0.0.8?channel=1", "", "", "rtsp://10.0.0.8:554?channel=1"),
    ],
)
def test_credentials_are_taken_out_of_a_url(url: str, user: str, password: str, uri: str) -> None:
    """Raw or percent-encoded, as people paste them."""
    found = address.parse(url)

    assert (found.user, found.password.reveal(), found.uri) == (user, password, uri)
    assert str(found) == uri


def test_credentials_given_apart_win_and_are_taken_as_they_are() -> None:
    """A percent sign in a configured password is a percent sign."""
    found = address.parse("rtsp://other:old@10.0.0.8/x", "admin", Secret("a%41@/"))

    assert (found.user, found.password.reveal()) == ("admin", "a%41@/")
    assert found.uri == "rtsp://10.0.0.8:554/x"


def test_an_address_never_prints_its_password() -> None:
    """repr() and str() end in logs and tracebacks."""
    found = address.parse("rtsp://admin:geheim@10.0.0.8/x")

    assert "geheim" not in repr(found) + str(found) + f"{found}"


def test_the_same_camera_at_another_path() -> None:
    """Paths are encoded the same way wherever they come from."""
    found = address.parse("rtsp://admin:pw@10.0.0.8/x").with_path("/a b?c#d")

    assert found.uri == "rtsp://10.0.0.8:554/a%20b?c"
    assert found.user == "admin"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "10.0.0.8/x",
        "http://10.0.0.8/",
        "rtsp://",
        "rtsp:///x",
        "rtsp://geheim:geheim",
        "rtsp://geheim:geheim@",
        "rtsp://geheim:geheim@:554/x",
        "rtsp://geheim:geheim@host:99999/x",
        "rtsp://geheim:geheim@host:0/x",
        "rtsp://geheim:geheim@ho st/x",
        "rtsp://geheim:geheim@[::1/x",
        "rtsp://geheim:geheim@10.0.0.8/a\r\nX-Evil: 1",
        "rtsp://gehe\nim:geheim@10.0.0.8/a",
        "rtsp://geheim:\ud800@10.0.0.8/a",
        "rtsp://geheim:x@10.0.0.8/\ud800",
        "rtsp://geheim:x@10.0.0.8/" + "y" * 2048,
        "rtsp://geheim:" + "z" * 300 + "@10.0.0.8/",
    ],
)
def test_what_is_no_url_is_refused_without_being_repeated(url: str) -> None:
    """The message goes to logs; what was given may be mostly a password."""
    with pytest.raises(MalformedError) as caught:
        address.parse(url)
    assert "geheim" not in caught.value.message
    assert not any("geheim" in str(value) for value in caught.value.detail.values())


def test_a_path_set_later_is_checked_too() -> None:
    """It may come from the camera."""
    found = address.parse("rtsp://10.0.0.8/x")

    with pytest.raises(MalformedError, match="control character"):
        found.with_path("/a\nb")
    with pytest.raises(MalformedError, match="at most 2048"):
        found.with_path("/" * 2049)


def test_a_cameras_own_url_is_read_by_the_book() -> None:
    """An `@` in a path is a camera's habit, not a password; its credentials are left out."""
    found = address.by_the_book("rtsp://admin:pw@cam1:99/user=admin@example.org/x")

    assert (found.uri, found.user) == ("rtsp://cam1:99/user=admin@example.org/x", "")
    for bad in ("rtsp://", "/relative", "rtsp://a:b:c/"):
        with pytest.raises(MalformedError):
            address.by_the_book(bad)


SECRETS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)


@given(user=SECRETS, password=SECRETS)
@example(user="admin", password="@:/#%? @10.0.0.1/")
def test_percent_encoded_credentials_always_come_back(user: str, password: str) -> None:
    """The encoded form is the one that is never ambiguous."""
    url = f"rtsp://{quote(user, safe='')}:{quote(password, safe='')}@10.0.0.8/x"
    found = address.parse(url)

    assert (found.user, found.password.reveal()) == (user, password)
    assert found.uri == "rtsp://10.0.0.8:554/x"


@given(st.text(max_size=80))
@example("admin:@@@@@@@@@@@@@@@@@@@@@")
def test_any_text_is_an_address_or_malformed(text: str) -> None:
    """No other exception; and what is accepted fits into a request line."""
    for read in (address.parse, address.by_the_book):
        try:
            found = read(f"rtsp://{text}")
        except MalformedError:
            continue
        assert found.uri.isascii() or not found.host.isascii()
        assert not any(letter in found.uri for letter in " \r\n\t")
        assert 0 < found.port < 65536
