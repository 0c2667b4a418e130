"""Totals recomputed from the rows by other arithmetic, the chain, and plans from lacks."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fractions import Fraction
from itertools import pairwise
from statistics import median as other_median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonggac.domain import costs, estimate, money, plan
from vonggac.domain.duties import LINES, duties
from vonggac.domain.estimate import Entry, Line, Past

TODAY = date(2026, 11, 18)
NORMS = costs.norms()
AMOUNTS = st.lists(
    st.tuples(st.integers(0, estimate.LINE_MOST), st.integers(0, money.WHOLE)),
    max_size=estimate.LINES_MOST,
)


def line(at: int = 1, quantity: int = 2, price: int = 1_000, vat: int = 800) -> Line:
    return Line(f"l{at}", at, f"c{at}", "other", "Cáp", "mét", quantity, price, vat, "báo giá",
                example=False, funding="", note="")  # fmt: skip


@given(AMOUNTS, st.integers(0, money.WHOLE))
def test_totals_are_what_the_rows_come_to(amounts: list[tuple[int, int]], set_aside: int) -> None:
    """Recomputed by fractions that are rounded where the page says so, and nowhere else."""
    found = estimate.totals(amounts, set_aside)

    before = sum(amount for amount, _ in amounts)
    tax = 0
    for rate in {rate for _, rate in amounts}:
        exact = Fraction(sum(amount for amount, of in amounts if of == rate) * rate, 10_000)
        tax += int(exact + Fraction(1, 2))
    aside = int(Fraction((before + tax) * set_aside, 10_000) + Fraction(1, 2))
    assert (found.sum, found.tax, found.contingency) == (before, tax, aside)
    assert found.total == before + tax + aside <= money.MOST
    assert money.in_words(found.total)


def test_the_total_of_the_drawn_page_comes_out() -> None:
    """Nine lines and 8 % of tax: 294.418.800 đồng."""
    asked = (64_900_000, 25_200_000, 44_400_000, 29_100_000, 55_100_000, 10_950_000, 16_200_000,
             14_760_000, 12_000_000)  # fmt: skip
    found = estimate.totals([(amount, 800) for amount in asked], 0)

    assert (found.sum, found.tax, found.total) == (272_610_000, 21_808_800, 294_418_800)


def test_a_column_that_is_not_whole_has_no_total() -> None:
    """A half-appraised estimate is not said to be appraised for less."""
    lines = [line(1), replace(line(2), appraised_quantity=1, appraised_price=5)]

    assert estimate.totals_of(lines, "appraised", 0) is None
    asked = estimate.totals_of(lines, "asked", 0)
    assert asked is not None
    assert asked.sum == 4_000


@given(st.lists(st.integers(0, 10**12), min_size=NORMS.median_needs, max_size=60))
def test_the_median_is_the_middle_one(others: list[int]) -> None:
    """Against the library's own, which is exact up to halves."""
    found = estimate.against(others[0], others, NORMS)

    assert found.median == int(
        Fraction(other_median(sorted(map(Fraction, others)))) + Fraction(1, 2)
    )
    assert found.low <= found.median <= found.high


def test_too_few_prices_make_no_median() -> None:
    """Nobody is called too dear by four quotes."""
    found = estimate.against(9_700_000, [1] * (NORMS.median_needs - 1), NORMS)

    assert (found.median, found.above, found.outlier) == (None, None, False)


@pytest.mark.parametrize(
    ("price", "outlier"), [(1_150, False), (1_151, True), (850, False), (849, True)]
)
def test_an_outlier_is_farther_off_than_the_norm(price: int, *, outlier: bool) -> None:
    """Fifteen per cent and no less, above as below."""
    assert estimate.against(price, [1_000] * 5, NORMS).outlier is outlier


# -- the chain -------------------------------------------------------------------------------


def walked(owner: str) -> list[str]:
    found, state = [], estimate.DRAFT
    while (step := estimate.next_step(state, owner)) is not None:
        found.append(step.code)
        state = step.code
    return found


@pytest.mark.parametrize("owner", LINES)
def test_the_chain_leads_from_submission_to_settlement(owner: str) -> None:
    """Each step once; a hotel that pays itself is not appraised and waits for no allocation."""
    every = ["submitted", "appraised", "approved", "allocated", "procured", "contracted",
             "accepted", "settled"]  # fmt: skip
    skipped = {"appraised", "allocated"} if owner == "paid_hotel" else set()

    assert walked(owner) == [code for code in every if code not in skipped]


def test_every_act_of_the_chain_is_some_roles() -> None:
    """A step that nobody may enter would stop every estimate."""
    held = {act for duty in duties(TODAY).values() for act in duty.acts}
    roles = {code for party in costs.parties().values() for code in party.roles}

    assert {step.act for step in costs.steps().values()} <= held
    assert roles <= set(duties(TODAY))
    assert set(costs.funding()) >= {"province", "owner"}


def entry(code: str, **changed: object) -> Entry:
    said: dict[str, object] = {"number": "12/TTr", "document_date": TODAY, "amount": 5}
    return Entry(code, **{**said, **changed})  # type: ignore[arg-type]


NOTHING = Past({}, {}, {})


@pytest.mark.parametrize(
    ("given_", "past", "state", "wrong"),
    [
        (entry("submitted"), NOTHING, "draft", {}),
        (entry("approved"), NOTHING, "submitted", {"code": "not_next"}),
        (entry("submitted", number=""), NOTHING, "draft", {"number": "required"}),
        (entry("submitted", document_date=None), NOTHING, "draft", {"dated": "required"}),
        (
            entry("submitted", document_date=date(2026, 11, 19)),
            NOTHING, "draft", {"dated": "in_the_future"},
        ),
        (
            entry("appraised", document_date=date(2026, 11, 10)),
            Past({"submitted": date(2026, 11, 11)}, {}, {}), "submitted",
            {"dated": "before_the_last"},
        ),
        (entry("allocated", amount=None), NOTHING, "approved", {"amount": "required"}),
        (entry("allocated", amount=101), NOTHING, "approved", {"amount": "above_the_last"}),
        (entry("contracted", amount=100), NOTHING, "procured", {}),
        (
            entry("settled", amount=91), Past({}, {"contracted": 90}, {}), "accepted",
            {"amount": "above_the_last"},
        ),
    ],
)  # fmt: skip
def test_a_step_comes_in_its_order_with_its_paper(
    given_: Entry, past: Past, state: str, wrong: dict[str, str]
) -> None:
    """Nothing is settled before its contract, and for no more than it."""
    found = estimate.faults(given_, past, state=state, line="civil", approved=100, today=TODAY)

    assert found == wrong


def test_three_persons_ask_appraise_and_approve() -> None:
    """But whoever pays with own money decides alone."""
    past = Past({}, {}, {"submitted": "an", "appraised": "hoa"})

    assert not estimate.separated("appraised", past, "an", "an", "civil")
    assert not estimate.separated("approved", past, "minh", "hoa", "civil")
    assert not estimate.separated("approved", past, "minh", "minh", "civil")
    assert estimate.separated("approved", past, "minh", "lan", "civil")
    assert estimate.separated("approved", past, "an", "an", "paid_hotel")


def test_versions_are_compared_line_by_line() -> None:
    """What was added, changed and gone, and what it costs."""
    before = [line(1), line(2), line(3)]
    after = [line(1), replace(line(2), price=900), line(4, quantity=7)]
    found = estimate.compared(before, after)

    assert [(one.kind, one.difference) for one in found] == [
        ("same", 0), ("changed", -200), ("added", 7_000), ("gone", -2_000),
    ]  # fmt: skip
    total = sum(one.asked for one in after) - sum(one.asked for one in before)
    assert sum(one.difference for one in found) == total


# -- from lacks to a bill ---------------------------------------------------------------------

FOUND = plan.Found(zones=("HL", "ST", "SAN", "CG"), working={}, silent={}, rooms=42, floors=3)


def quantities(found: plan.Found) -> dict[str, int]:
    totals: dict[str, int] = {}
    for item in plan.reckon(found, NORMS):
        totals[item.kind] = totals.get(item.kind, 0) + item.quantity
    return totals


def test_an_empty_facility_needs_everything() -> None:
    """42 rooms want five corridor cameras, three floors three lobbies, and the rest follows."""
    found = quantities(FOUND)

    assert found["camera_in"] == 5 + 3
    assert found["camera_out"] == 2
    assert found["cable"] == 10 * NORMS.cable_metres_per_camera
    assert (found["recorder"], found["switch"], found["line"], found["screen"]) == (1, 1, 1, 1)
    assert found["disk"] == 2  # 10 cameras at 3 Mbit/s for 30 days are 9,7 TB, and a tenth to spare


def test_a_covered_facility_needs_nothing() -> None:
    """Nobody is asked for money where no place lacks a camera."""
    full = replace(FOUND, working={"HL": 5, "ST": 3, "SAN": 1, "CG": 1})

    assert plan.lacks(full, NORMS) == []
    assert plan.reckon(full, NORMS) == []


def test_a_camera_without_a_picture_leaves_its_place_open_and_is_named() -> None:
    """Mending may do: the plan says how many stand there."""
    found = plan.lacks(replace(FOUND, silent={"CG": 2}), NORMS)

    assert [(lack.zone, lack.cameras, lack.silent) for lack in found][-1] == ("CG", 1, 2)


def test_places_of_the_register_go_before_norms() -> None:
    """The corridor with 24 doors wants three cameras and has one; the other one has its own."""
    places = (
        plan.Place("HL", "2", "Hành lang tầng 2", 24, 1),
        plan.Place("HL", "3", "Hành lang tầng 3", 8, 1),
    )
    known = replace(FOUND, zones=("HL",), places=places, working={"HL": 2})

    assert [(lack.cameras, lack.places) for lack in plan.lacks(known, NORMS)] == [
        (2, ("Hành lang tầng 2",))
    ]
    assert plan.lacks(replace(known, absent=frozenset({"HL"})), NORMS) == []


def test_measured_rates_go_before_the_default() -> None:
    """Cameras that send half need half the disks; a box that stands is not bought again."""
    measured = replace(FOUND, measured_kbit=1_500, measured_cameras=4)
    bases = [item.basis["why"] for item in plan.reckon(measured, NORMS) if item.kind == "disk"]

    assert quantities(measured)["disk"] == 1
    assert bases == ["disk_measured"]
    assert plan.mean_kbit([(375_000_000, 1_000 * 10**9)]) == 3_000
    assert plan.mean_kbit([]) is None
    assert "recorder" not in quantities(replace(FOUND, has_box=True, working={"ST": 3}))


@given(
    st.integers(0, 400), st.integers(0, 40),
    st.dictionaries(st.sampled_from(["HL", "ST", "SAN", "CG"]), st.integers(0, 40)),
)  # fmt: skip
def test_a_camera_more_never_asks_for_more(
    rooms: int, floors: int, working: dict[str, int]
) -> None:
    """Whatever stands already only makes a bill smaller."""
    known = replace(FOUND, rooms=rooms, floors=floors or None)
    bills = [quantities(known), quantities(replace(known, working=working))]

    for before, after in pairwise(bills):
        assert after.get("camera_in", 0) <= before["camera_in"]
        assert after.get("cable", 0) <= before["cable"]


def test_the_catalogue_of_the_software_prices_every_kind_and_says_that_it_is_invented() -> None:
    """An example is never taken for a quote."""
    every = costs.example(TODAY)

    assert {one.kind for one in every} == set(costs.KINDS)
    assert all(one.example and "minh họa" in one.source.vi for one in every)
    assert {one.vat for one in every} == {800, 1_000}
    assert {one.vat for one in costs.example(date(2027, 1, 1))} == {1_000}
