"""Amounts: written, read, shared and said in words, for whatever amount there is."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonggac.domain import money

AMOUNTS = st.integers(0, money.MOST)
_ONES = {
    "không": 0, "một": 1, "mốt": 1, "hai": 2, "ba": 3, "bốn": 4, "tư": 4, "năm": 5, "lăm": 5,
    "sáu": 6, "bảy": 7, "tám": 8, "chín": 9,
}  # fmt: skip


def number_of(words: str) -> int:
    """What a person hears, worked out the other way round than the program says it."""
    total = below_billion = group = 0
    figure: int | None = None
    for word in words.split():
        if word in _ONES:
            assert figure is None, f"two figures meet in {words!r}"
            figure = _ONES[word]
            continue
        assert word != "linh" or group >= 0
        match word:
            case "trăm":
                group += 100 * (figure or 0)
            case "mươi":
                group += 10 * (figure or 0)
            case "mười":
                group += 10
            case "nghìn" | "triệu":
                below_billion += (group + (figure or 0)) * (1000 if word == "nghìn" else 10**6)
                group = 0
            case "tỷ":
                total += (below_billion + group + (figure or 0)) * 10**9
                below_billion = group = 0
            case "linh":
                assert figure is None
            case _:
                raise AssertionError(f"{word!r} is no word of a number")
        figure = None
    return total + below_billion + group + (figure or 0)


@given(AMOUNTS)
def test_words_of_an_amount_are_that_amount(amount: int) -> None:
    """Whoever copies the words into a contract copies the same sum."""
    words = money.number_words(amount)

    assert number_of(words) == amount
    assert "  " not in words
    assert "mươi một" not in words
    assert "mươi năm" not in words
    assert "mươi không" not in words
    assert "mười mốt" not in words
    assert money.in_words(amount).casefold().startswith(words)


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (0, "Không đồng"),
        (5, "Năm đồng"),
        (11, "Mười một đồng"),
        (15, "Mười lăm đồng"),
        (21, "Hai mươi mốt đồng"),
        (24, "Hai mươi tư đồng"),
        (105, "Một trăm linh năm đồng"),
        (1_000, "Một nghìn đồng chẵn"),
        (105_000_000, "Một trăm linh năm triệu đồng chẵn"),
        (294_418_800, "Hai trăm chín mươi tư triệu bốn trăm mười tám nghìn tám trăm đồng"),
        (1_000_005, "Một triệu không trăm linh năm đồng"),
        (1_000_000_000, "Một tỷ đồng chẵn"),
        (2_000_010_000, "Hai tỷ không trăm mười nghìn đồng chẵn"),
        (199_100_000_000, "Một trăm chín mươi chín tỷ một trăm triệu đồng chẵn"),
        (
            money.MOST,
            "Chín trăm chín mươi chín nghìn chín trăm chín mươi chín tỷ chín trăm chín mươi chín "
            "triệu chín trăm chín mươi chín nghìn chín trăm chín mươi chín đồng",
        ),
    ],
)
def test_words_are_those_that_people_write(amount: int, words: str) -> None:
    """Mốt, tư and lăm stand where people write them, linh where a place is empty."""
    assert money.in_words(amount) == words


@pytest.mark.parametrize("amount", [-1, money.MOST + 1])
def test_amounts_that_cannot_be_said_are_refused(amount: int) -> None:
    """Better no words than the wrong ones."""
    with pytest.raises(ValueError, match="can be said"):
        money.in_words(amount)


@given(AMOUNTS, st.sampled_from(["", " đồng", "đ", " VNĐ"]))
def test_an_amount_is_read_as_it_is_written(amount: int, suffix: str) -> None:
    """What a page shows can be typed back into it."""
    assert money.read(money.grouped(amount) + suffix) == amount
    assert money.read(f" {amount}{suffix} ") == amount


@pytest.mark.parametrize(
    "text",
    ["", "-1", "1.5", "1,25", "1.2345", "12.34.567", "1e6", "²", "٣", "1" * 16, "1 234,567", "0x1"],
)
def test_what_is_no_whole_amount_is_refused(text: str) -> None:
    """A decimal point taken for a separator would make a price a thousand times too high."""
    with pytest.raises(ValueError, match="amount"):
        money.read(text)


@given(AMOUNTS, st.integers(0, money.WHOLE))
def test_a_percentage_is_rounded_once_half_up(amount: int, hundredths: int) -> None:
    """The rule that the page states, against fractions that round nothing."""
    exact = Fraction(amount * hundredths, money.WHOLE)
    found = money.part(amount, hundredths)

    assert isinstance(found, int)
    assert -Fraction(1, 2) < found - exact <= Fraction(1, 2)


@given(st.integers(0, money.WHOLE))
def test_a_percentage_is_read_as_it_is_written(hundredths: int) -> None:
    """12,5 is 12,5 again, whatever the separator."""
    assert money.read_percent(money.percent(hundredths)) == hundredths
    assert money.read_percent(money.percent(hundredths).replace(",", ".") + " %") == hundredths


@pytest.mark.parametrize("text", ["", "-1", "101", "8,123", "²", "x", "100,01"])
def test_what_is_no_percentage_is_refused(text: str) -> None:
    """Above a hundred per cent is a slip of the keyboard."""
    with pytest.raises(ValueError, match="percentage"):
        money.read_percent(text)


def test_a_difference_is_cut_towards_nothing() -> None:
    """Nobody is called 1 % too dear who is 0,999 %."""
    assert money.difference(128, 100) == 2_800
    assert money.difference(99, 100) == -100
    assert money.difference(10_099, 10_000) == 99
    assert money.difference(1, 0) is None
