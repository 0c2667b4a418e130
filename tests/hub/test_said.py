"""What a box says, as it may be kept: bounded, one line, running one way."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonggac.hub.said import DEEPEST, MOST, MOST_ENTRIES, plain, plain_all


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("", ""),
        ("Cổng chính <b>\"'&", "Cổng chính <b>\"'&"),
        ("a\r\nb\tc", "a b c"),
        ("a\x00b", "a\ufffdb"),
        ("\x1b[31mred", "\ufffd[31mred"),
        ("abc\u202egpj.exe", "abc\ufffdgpj.exe"),
        ("x\u2028y", "x y"),
        ("x" * 500, "x" * 500),
        ("x" * 501, "x" * 499 + "…"),
    ],
)
def test_plain(said: str, kept: str) -> None:
    assert plain(said) == kept


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON)
def test_an_answer_keeps_its_shape_and_becomes_plain(answer: object) -> None:
    kept = plain_all(answer)

    assert type(kept) is type(answer) or kept is None
    assert plain_all(kept) == kept
    json.dumps(kept, ensure_ascii=False).encode()


def test_what_is_endless_ends() -> None:
    """Lists, names and depth; a picture is as long as it is."""
    deep: object = "end"
    for _ in range(DEEPEST + 5):
        deep = [deep]

    assert len(plain_all(["x"] * 10_000)) == MOST_ENTRIES
    assert len(plain_all({str(number): 1 for number in range(10_000)})) == MOST_ENTRIES
    assert "end" not in str(plain_all(deep))
    assert [len(name) for name in plain_all({"n" * 9_000: 1})] == [100]
    long = "A" * 100_000
    assert plain_all({"picture": long}, but=("picture",)) == {"picture": long}
    assert len(plain_all({"picture": long})["picture"]) == MOST
