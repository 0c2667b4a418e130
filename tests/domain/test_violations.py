"""The catalogue of violations: what ships, on which documents it leans, from when until when."""

from __future__ import annotations

from datetime import date

import pytest

from vonggac.domain import legal, rules, violations

IN_2021, IN_2026 = date(2021, 6, 12), date(2026, 11, 18)
ACTS = {f"N{n:02}" for n in range(1, 11)} | {f"P0{n}" for n in range(1, 6)}
ACTS |= {"K01", "K02"} | {f"C0{n}" for n in range(1, 6)}
EVENTS = {f"T{n:02}" for n in range(1, 12)}


@pytest.mark.parametrize("on", [IN_2021, IN_2026])
def test_both_profiles_have_the_whole_catalogue(on: date) -> None:
    """The letters name two groups: people in quarantine and those who serve them."""
    found = violations.catalogue(on)

    assert set(found) == ACTS | EVENTS
    assert {code for code, one in found.items() if one.is_technical} == EVENTS
    assert {subject for one in found.values() for subject in one.subjects} == set("NPKC")
    assert all(one.subjects for code, one in found.items() if code in ACTS)


def test_an_act_is_looked_for_where_the_placement_rule_knows_a_place() -> None:
    known = {zone.code for zone in rules.placement(IN_2026).zones}

    assert {zone for one in violations.catalogue(IN_2026).values() for zone in one.zones} <= known


def test_no_act_of_today_claims_a_legal_basis() -> None:
    """No document of 2026 that names such acts was read: whoever concludes one has to bring it."""
    assert all(not violations.cited(code, IN_2026) for code in ACTS | EVENTS)
    assert not [one for one in violations.cites() if one.to_day is None]


def test_what_is_cited_was_in_force_and_binds_whom_it_named() -> None:
    """A paid hotel's rule is no rule of a barracks."""
    assert [one.number for one in violations.bases_of("N01", IN_2021, line="paid_hotel")] == [
        "1246/QĐ-BYT"
    ]
    assert violations.bases_of("N01", IN_2021, line="military") == []
    assert violations.bases_of("N01", IN_2021, line=None) == []
    assert violations.bases_of("N01", date(2023, 10, 29), line="paid_hotel") == []
    assert [one.number for one in violations.bases_of("K01", IN_2021, line=None)] == ["878/QĐ-BYT"]
    assert violations.bases_of("N02", IN_2021, line="paid_hotel") == []


def test_no_document_is_cited_before_it_was_written_or_after_its_known_end() -> None:
    for one in violations.cites():
        basis = legal.bases()[one.basis]
        assert basis.from_day is None or basis.from_day <= one.from_day, basis.number
        assert basis.to_day is None or (one.to_day or date.max) <= basis.to_day, basis.number


def test_no_technical_event_has_a_document() -> None:
    """A device breaks no rule."""
    assert not [code for one in violations.cites() for code in one.of if code in EVENTS]


@pytest.mark.parametrize(
    ("said", "subject", "zone", "codes"),
    [
        ("khong deo", "", "", ["N04", "P01"]),
        ("n06", "", "", ["N06"]),
        ("VƯỢT rào", "", "", ["N06"]),
        ("", "K", "", ["N07", "K01"]),
        ("", "P", "HL", ["P01", "P02", "P03", "C01", "C05"]),
        ("khong ton tai", "", "TN", []),
    ],
)
def test_the_catalogue_is_searched_without_marks(
    said: str, subject: str, zone: str, codes: list[str]
) -> None:
    every = violations.catalogue(IN_2026).values()

    assert [o.code for o in violations.found(every, said=said, subject=subject, zone=zone)] == codes


def test_the_gravest_waits_least() -> None:
    minutes = [one.minutes for one in violations.severities().values()]

    assert minutes == sorted(minutes)
    assert violations.catalogue(IN_2026)["N06"].severity == "urgent"
