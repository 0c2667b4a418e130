"""Views and the rights behind them: what is kept, what lapses when, and what a share opens."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from vonggac.clock import NS
from vonggac.db import tables
from vonggac.domain import access, accounts, grants, purposes, roles, sessions, sharing, units
from vonggac.domain.access import Act
from vonggac.domain.roles import Draft
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vonggac.db import Connection, Database

NOW = int(dt.datetime(2026, 11, 18, 7, 32, 7, tzinfo=dt.UTC).timestamp()) * NS
HOUR = 3600 * NS


class Place:
    """Two facilities of one province, a duty officer of the first, a policeman, and a leader."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.machine = roles.whoever_holds_the_machine(NOW)
        for name in ("truc", "canbo", "lanhdao"):
            connection.execute(
                tables.account.insert().values(
                    id=name, name=name, full_name=f"Cán bộ {name}", password_hash="x",
                    must_change=False, created_ns=NOW, signed_in_ns=NOW,
                )
            )  # fmt: skip
        add: dict[str, Any] = {"en": "", "valid_from": dt.date(2025, 7, 1), "source": ""}
        self.province = units.add_unit(
            connection, parent_id=None, kind="province", code="01", vi="Tỉnh A", **add
        )
        self.police = units.add_unit(
            connection, parent_id=self.province, kind="body", code="CA", vi="Công an tỉnh A", **add
        )
        for site, cameras in (("a", ("a-1", "a-2")), ("b", ("b-1",))):
            connection.execute(
                tables.site.insert().values(
                    id=site, name=site, owner_line="paid_hotel", unit_id=self.province,
                    created_ns=NOW,
                )
            )  # fmt: skip
            for camera in cameras:
                connection.execute(
                    tables.camera.insert().values(
                        id=camera, site_id=site, name=camera, zone="HL", main_url="rtsp://x/1",
                        origin="page", revision=1, created_ns=NOW, updated_ns=NOW,
                    )
                )  # fmt: skip
        self.role = self.give("truc", "site_duty", sites=("a",))
        self.give("lanhdao", "leader", unit=self.province)
        self.give("canbo", "partner", unit=self.province, body=self.police, to_ns=NOW + 99 * HOUR)

    def give(self, to: str, role: str, **more: Any) -> str:
        draft = Draft(role, reason="phân công", **more)
        return roles.give(self.connection, self.machine, to, draft, now_ns=NOW)

    def person(self, name: str, now_ns: int = NOW) -> access.Person:
        return access.person_of(self.connection, name, now_ns)

    def may(self, name: str, act: Act, camera: str, now_ns: int = NOW) -> str:
        thing = access.thing_of_camera(self.connection, camera)
        return access.may(self.person(name, now_ns), act, thing, now_ns=now_ns).why

    def sign_in(self, name: str, now_ns: int = NOW) -> tuple[str, str]:
        """The cookie's value, and what lists call the session."""
        account = accounts.find(self.connection, name)
        token = sessions.open_session(self.connection, account, address="", agent="", now_ns=now_ns)
        found = sessions.find_session(self.connection, token, now_ns=now_ns)
        assert found is not None
        return token, found.id

    def issue(self, number: int = 1, **changed: Any) -> grants.Issued:
        at_ns = changed.pop("at_ns", NOW)
        grant = grants.Issued(
            id=f"g{number}", account_id="truc", site_id="a", cameras=("a-1",),
            streams=("sub",), purpose="watch", nkey=f"U{number}", issued_ns=at_ns,
            expires_ns=at_ns + 120 * NS, role="site_duty",
        )  # fmt: skip
        return replace(grant, **changed)

    def file(self, number: int = 1, **changed: Any) -> bool:
        return grants.file_grant(self.connection, self.issue(number, **changed))

    def lapsed(self, now_ns: int = NOW + NS) -> list[tuple[str, str]]:
        return [(one.id, why) for one, why in grants.lapsed(self.connection, now_ns=now_ns)]

    def share(self, **changed: Any) -> sharing.Share:
        draft = sharing.Draft(
            site_id="a", cameras=("a-1",), body_id=self.police, to_ns=NOW + 4 * HOUR,
            reason="phối hợp điều tra theo công văn 12/CAT",
        )  # fmt: skip
        return sharing.share(self.connection, "lanhdao", replace(draft, **changed), now_ns=NOW)


@pytest.fixture
def place(sqlite: Database) -> Iterator[Place]:
    with sqlite.writing() as connection:
        yield Place(connection)


# -- purposes --------------------------------------------------------------------------------


def test_a_purpose_is_one_of_the_rules_and_says_what_it_must() -> None:
    """Free text says anything; a code can be counted, and a document's number can be looked up."""
    assert purposes.state("watch", "", now_ns=NOW).text == "watch"
    assert purposes.state("request", " 12/CAT ", now_ns=NOW).text == "request: 12/CAT"
    for code, note, said in (
        ("curious", "", "unknown_purpose"),
        ("display", "", "unknown_purpose"),
        ("request", " ", "note_missing"),
        ("incident", "TỐI MẬT", "secret_mark"),
    ):
        with pytest.raises(VonggacError) as refused:
            purposes.state(code, note, now_ns=NOW)
        assert refused.value.detail["code"] == said


def test_a_page_opens_with_what_the_role_usually_does() -> None:
    assert purposes.usual(["enterprise"], now_ns=NOW).code == "technical"
    assert purposes.usual(["site_duty", "technician"], now_ns=NOW).code == "watch"
    assert purposes.usual([], now_ns=NOW).code == "watch"


def test_roles_name_only_purposes_of_the_rules() -> None:
    """A role narrowed to a purpose that nobody can state would open nothing."""
    from vonggac.domain.duties import duties

    known = set(purposes.at(NOW))
    named = {code for duty in duties(dt.date(2026, 11, 18)).values() for code in duty.purposes}
    usual = {role for one in purposes.at(NOW).values() for role in one.usual_for}

    assert named <= known
    assert usual - {"shared"} <= set(duties(dt.date(2026, 11, 18)))


# -- views -----------------------------------------------------------------------------------


def test_a_page_with_a_fresh_key_goes_on_with_the_view_that_it_names(place: Place) -> None:
    """Each renewal makes a key of its own; without a name every two minutes would be a view."""
    began = [
        place.file(1),
        place.file(2, at_ns=NOW + 80 * NS, renews="g1"),
        place.file(3, at_ns=NOW + 160 * NS, renews="g2", cameras=("a-1", "a-2")),
    ]
    views = grants.open_views(place.connection, "a", now_ns=NOW + 170 * NS)

    assert began == [True, False, True]
    assert [(view.cameras, view.began_ns) for view in views] == [(("a-1", "a-2"), NOW + 160 * NS)]


def test_a_view_of_somebody_else_is_not_renewed(place: Place) -> None:
    """The name of a grant is no secret; it stands in subjects."""
    place.file(1)

    assert place.file(2, renews="g1", account_id="lanhdao") is True


def test_a_view_ends_when_its_purpose_is_over(place: Place) -> None:
    """Twelve hours of shift duty; then somebody states again why."""
    place.file(1)
    for number in range(2, 12 * 30 + 2):
        place.file(number, at_ns=NOW + (number - 1) * 120 * NS, renews=f"g{number - 1}")

    with pytest.raises(VonggacError) as refused:
        place.file(999, at_ns=NOW + 12 * HOUR + 60 * NS, renews=f"g{12 * 30 + 1}")

    assert (refused.value.kind, refused.value.detail["code"]) == (Kind.FORBIDDEN, "purpose_over")


def test_a_closed_page_is_a_view_that_ended(place: Place) -> None:
    place.file(1)
    grants.give_back(place.connection, "g1", "lanhdao", now_ns=NOW + NS)
    still = grants.open_views(place.connection, "a", now_ns=NOW + NS)
    grants.give_back(place.connection, "g1", "truc", now_ns=NOW + NS)
    watched = grants.watched(place.connection, "a", since_ns=NOW)

    assert len(still) == 1
    assert [(view.why, view.ended_ns) for view in watched] == [("closed", NOW + NS)]


def test_a_page_that_vanished_is_a_view_that_ended_with_its_grant(place: Place) -> None:
    place.file(1)

    early = grants.close_over(place.connection, now_ns=NOW + 119 * NS)
    late = grants.close_over(place.connection, now_ns=NOW + 121 * NS)

    assert early == []
    assert [view.id for view in late] == [
        view.id for view in grants.watched(place.connection, "a", since_ns=NOW)
    ]


def test_counts_name_body_role_and_purpose_and_nobody(place: Place) -> None:
    """What the public page says of who looked."""
    place.file(1)
    place.file(2)
    place.file(3, purpose="request: 12/CAT", body_id=place.police, role="shared")

    found = grants.counts(place.connection, "a", since_ns=NOW)

    assert [(one.role, one.body_id, one.purpose, one.views) for one in found] == [
        ("site_duty", None, "watch", 2),
        ("shared", place.police, "request", 1),
    ]


# -- rights that go away ---------------------------------------------------------------------


def test_a_grant_stands_while_its_right_stands(place: Place) -> None:
    _, session = place.sign_in("truc")
    place.file(1, session_id=session)

    assert place.lapsed() == []


def test_a_grant_lapses_with_role_account_session_and_display(place: Place) -> None:
    """Whatever way the right goes away, the grant is found."""
    token, session = place.sign_in("truc")
    place.file(1, session_id=session)
    place.file(2)

    sessions.end_session(place.connection, token, now_ns=NOW)
    after_session = place.lapsed()
    roles.end(place.connection, place.machine, place.role, reason="hết ca", now_ns=NOW)
    after_role = place.lapsed()
    place.connection.execute(tables.account.update().values(disabled_ns=NOW))
    after_account = place.lapsed()

    assert after_session == [("g1", "session_ended")]
    assert after_role == [("g1", "session_ended"), ("g2", "not_in_time")]
    assert after_account == [("g1", "account_disabled"), ("g2", "account_disabled")]


def test_a_grant_lapses_when_its_person_is_given_less(place: Place) -> None:
    """A camera that moved to another facility is no camera of this officer any more."""
    place.file(1)
    place.connection.execute(
        tables.camera.update().where(tables.camera.c.id == "a-1").values(site_id="b")
    )

    assert place.lapsed() == [("g1", "outside_scope")]


def test_a_change_of_person_leaves_the_wall_running_for_a_moment(place: Place) -> None:
    """The page asks again under the person who took over; who only signed out is cut off."""
    _, session = place.sign_in("truc")
    place.connection.execute(tables.session.update().values(workstation_id="ws", ended_ns=NOW))
    place.file(1, session_id=session)
    alone = place.lapsed()
    place.sign_in("lanhdao", NOW)
    place.connection.execute(
        tables.session.update()
        .where(tables.session.c.account_id == "lanhdao")
        .values(workstation_id="ws")
    )

    assert alone == [("g1", "session_ended")]
    assert place.lapsed(NOW + 3 * NS) == []
    assert place.lapsed(NOW + 5 * NS) == [("g1", "session_ended")]


def test_what_was_taken_back_is_not_renewed_and_is_told_until_it_would_have_ended(
    place: Place,
) -> None:
    """Bus and box learn it again after a restart of the hub."""
    place.file(1)
    standing = grants.lapsed(place.connection, now_ns=NOW) or [
        (one, "x") for one in grants._standing(place.connection, sa.true())
    ]
    ended = grants.take_back(
        place.connection, [one for one, _ in standing], "session_ended", now_ns=NOW + NS
    )

    with pytest.raises(VonggacError) as refused:
        place.file(2, at_ns=NOW + 2 * NS, renews="g1")
    told = grants.taken_back(place.connection, now_ns=NOW + 2 * NS)
    later = grants.taken_back(place.connection, now_ns=NOW + 121 * NS)

    assert [view.account_id for view in ended] == ["truc"]
    assert refused.value.detail["code"] == "session_ended"
    assert [(one.id, why) for one, why in told] == [("g1", "session_ended")]
    assert later == []


def test_a_view_can_be_withdrawn_from_somebody_who_still_has_the_right(place: Place) -> None:
    place.file(1)
    view = grants.open_views(place.connection, "a", now_ns=NOW)[0]

    grants.withdraw(place.connection, view.id, now_ns=NOW + NS)

    with pytest.raises(VonggacError) as refused:
        place.file(2, at_ns=NOW + 2 * NS, renews="g1")
    with pytest.raises(VonggacError) as again:
        grants.withdraw(place.connection, view.id, now_ns=NOW + 2 * NS)
    assert refused.value.detail["code"] == "withdrawn"
    assert again.value.kind is Kind.NOT_FOUND


# -- shares ----------------------------------------------------------------------------------


def test_a_share_opens_the_cameras_that_it_names_live_and_nothing_else(place: Place) -> None:
    """Police see one corridor for four hours, and neither the past nor the next camera."""
    before = place.may("canbo", Act.LIVE_VIEW, "a-1")
    place.share()

    assert before == "no_role"
    assert place.may("canbo", Act.LIVE_VIEW, "a-1") == "role"
    assert place.may("canbo", Act.LIVE_VIEW, "a-2") == "outside_scope"
    assert place.may("canbo", Act.LIVE_VIEW, "b-1") == "outside_scope"
    for act in (Act.PLAYBACK, Act.SNAPSHOT, Act.DOWNLOAD, Act.FACILITY_DETAILS, Act.LEDGER_SEE):
        assert place.may("canbo", act, "a-1") == "no_role"
    assert access.sites_for(place.connection, place.person("canbo"), Act.LIVE_VIEW, NOW) == []


def test_a_share_ends_by_itself_and_its_grants_lapse(place: Place) -> None:
    place.share(to_ns=NOW + HOUR)
    at = NOW + HOUR - 10 * NS
    place.file(1, account_id="canbo", purpose="shared", at_ns=at)

    assert place.lapsed(NOW + HOUR - NS) == []
    assert place.lapsed(NOW + HOUR) == [("g1", "not_in_time")]
    assert place.may("canbo", Act.LIVE_VIEW, "a-1", NOW + HOUR) == "not_in_time"


def test_a_withdrawn_share_opens_nothing(place: Place) -> None:
    share = place.share()
    place.file(1, account_id="canbo", purpose="shared")
    sharing.withdraw(place.connection, share.id, "lanhdao", reason="xong việc", now_ns=NOW + NS)

    assert place.lapsed(NOW + NS) == [("g1", "not_in_time")]
    assert sharing.with_person(place.connection, place.person("canbo"), now_ns=NOW + NS) == []
    with pytest.raises(sharing.Refused) as again:
        sharing.withdraw(place.connection, share.id, "x", reason="x", now_ns=NOW + 2 * NS)
    assert again.value.code == "share_over"


def test_a_share_is_used_for_its_purpose_alone(place: Place) -> None:
    """Whoever sees by a share says so: it is counted as what it is."""
    place.share()
    place.file(1, account_id="canbo", purpose="watch")

    assert place.lapsed() == [("g1", "wrong_purpose")]


def test_a_share_is_over_when_its_person_leaves_the_body(place: Place) -> None:
    place.share()
    row = next(one for one in roles.rows(place.connection, account_id="canbo"))
    roles.end(place.connection, place.machine, row.id, reason="chuyển công tác", now_ns=NOW + NS)

    assert place.may("canbo", Act.LIVE_VIEW, "a-1", NOW + NS) == "no_role"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"cameras": ()}, "no_cameras"),
        ({"cameras": ("a-1", "b-1")}, "other_site"),
        ({"to_ns": NOW}, "ends_before"),
        ({"to_ns": NOW + 73 * HOUR}, "too_long"),
        ({"reason": "  "}, "no_reason"),
        ({"reason": "theo văn bản MẬT"}, "secret_mark"),
    ],
)
def test_a_share_names_cameras_of_one_facility_and_ends_and_has_a_reason(
    place: Place, changed: dict[str, Any], code: str
) -> None:
    with pytest.raises(sharing.Refused) as refused:
        place.share(**changed)

    assert refused.value.code == code


def test_a_leader_may_share_and_a_duty_officer_may_not(place: Place) -> None:
    assert place.may("lanhdao", Act.SHARE_GRANT, "a-1") == "role"
    assert place.may("truc", Act.SHARE_GRANT, "a-1") == "no_role"
