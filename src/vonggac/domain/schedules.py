"""Reports by the clock: what is ordered, when it is due, and what became of each delivery.

A schedule is made on the rights of whoever ordered it, or changed it last: an account that was
closed, or lost its role, orders nothing any more.  A fresh hub brings one of its own, the leader's
page of each day, which people change or end as they like (*mặc định của phần mềm*).  A delivery
that fails is tried again with growing pauses; in the end it stays failed, with what was said, until
somebody reads it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

import sqlalchemy as sa

from vonggac.clock import NS
from vonggac.db import paper as rows
from vonggac.domain import access, audit, legal
from vonggac.domain.access import Act, Held, Person
from vonggac.domain.duties import duties
from vonggac.domain.matters import Matter, Standing
from vonggac.errors import ConfigError, Kind, VonggacError
from vonggac.keys import new_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vonggac.db import Connection
    from vonggac.domain.exports import Someone

Rhythm = Literal["daily", "weekly", "monthly"]
RHYTHMS: Final[tuple[Rhythm, ...]] = ("daily", "weekly", "monthly")
ENDINGS: Final = ("pdf", "docx", "xlsx")
MAIL: Final = re.compile(r"[^\s@,;<>\"]{1,64}@[A-Za-z0-9.-]{1,190}")
MOST: Final = 50
"""Schedules that stand at once, and addresses of one (ours)."""
PAUSES_S: Final = (60, 300, 1_800, 7_200, 21_600)
"""Seconds before each further try of a delivery (ours); after the last one it has failed."""
SHIPPED: Final = ""
"""Account of the schedule that the software brings; it is made on the rights of `SHIPPED_ROLE`."""
SHIPPED_ROLE: Final = "leader"
"""Over the whole hub: the page is the leader's, and is laid where the hub's administrator reads."""
PROGRAM: Final = "vonggac"
SHOWN: Final = 30
FAULT_MOST: Final = 500
"""Letters of what is kept of a fault."""
SETTINGS: Final = ("no_server", "password", "no_password", "certificate", "no_tls", "unreachable",
                   "folder")  # fmt: skip
"""Why a delivery fails until an administrator changes a setting; other faults are the sender's."""
UNSENT: Final[Mapping[str, str]] = {
    "no_server": "Báo cáo không gửi được: chưa đặt máy chủ thư",
    "password": "Báo cáo không gửi được: máy chủ thư không nhận tài khoản, mật khẩu",
    "no_password": "Báo cáo không gửi được: không đọc được mật khẩu của máy chủ thư",
    "certificate": "Báo cáo không gửi được: chứng thư của máy chủ thư không đúng",
    "no_tls": "Báo cáo không gửi được: máy chủ thư không nói TLS như đã đặt",
    "unreachable": "Báo cáo không gửi được: không liên lạc được máy chủ thư",
    "folder": "Báo cáo không ghi được vào thư mục",
    "recipient": "Báo cáo không gửi được: máy chủ thư không nhận địa chỉ",
    "refused": "Báo cáo không gửi được: máy chủ thư từ chối",
}
"""What whoever can act reads on the page of the day, by why."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A report that is made and sent by the clock."""

    id: str
    unit_id: str | None
    rhythm: Rhythm
    minute: int
    endings: str
    mail: str
    folder: bool
    done_for: date | None
    made_ns: int
    account_id: str
    made_by: str
    made_name: str
    ended_ns: int | None

    @property
    def is_shipped(self) -> bool:
        """Whether the software brought it and nobody changed it."""
        return self.account_id == SHIPPED

    @property
    def addresses(self) -> list[str]:
        """To whom it is mailed."""
        return [one for one in self.mail.split(",") if one]


@dataclass(frozen=True, slots=True)
class Draft:
    """A schedule as somebody orders it."""

    unit_id: str | None
    rhythm: str
    at: str
    """17:00, in the site's time."""
    endings: tuple[str, ...]
    mail: str = ""
    """Addresses, with commas."""
    folder: bool = True


@dataclass(frozen=True, slots=True)
class Delivery:
    """A file or a mail that carries a report."""

    id: str
    schedule_id: str
    report_id: str
    way: str
    target: str
    state: str
    tries: int
    next_ns: int | None
    fault: str
    made_ns: int
    done_ns: int | None

    @property
    def why(self) -> str:
        """The kind of the last fault, a code of `UNSENT`; empty when there is none."""
        code = self.fault.partition(":")[0]
        return code if code in UNSENT else ""

    @property
    def told(self) -> str:
        """What the server or the system said."""
        return self.fault.partition(":")[2].strip() if self.why else self.fault


# -- ordering --------------------------------------------------------------------------------


def check(draft: Draft) -> tuple[int, list[str]]:
    """The minute of the day and the addresses of a schedule that can be ordered.

    Raises:
        VonggacError: BAD_INPUT with `fields`.
    """
    minute, addresses = minute_of(draft.at), _addresses(draft.mail)
    faults = {
        "rhythm": "" if draft.rhythm in RHYTHMS else "no_such_kind",
        "at": "no_clock" if minute is None else "",
        "endings": "required" if not draft.endings
        else "" if set(draft.endings) <= set(ENDINGS) else "no_such_kind",
        "mail": "no_mail" if addresses is None
        else "required" if not addresses and not draft.folder else "",
    }  # fmt: skip
    wrong = {name: why for name, why in faults.items() if why}
    if minute is None or addresses is None or wrong:
        said = ", ".join(f"{name}: {why.replace('_', ' ')}" for name, why in wrong.items())
        raise VonggacError(Kind.BAD_INPUT, said, fields=wrong)
    return minute, addresses


def order(connection: Connection, draft: Draft, *, by: Someone, now_ns: int) -> str:
    """Order a report by the clock; returns its id. A writing transaction.

    Raises:
        VonggacError: BAD_INPUT with `fields`; TOO_MANY.
    """
    minute, addresses = check(draft)
    if len(standing(connection)) >= MOST:
        raise VonggacError(Kind.TOO_MANY, f"{MOST} schedules stand already", code="too_many")
    made = new_id()
    connection.execute(
        rows.report_schedule.insert().values(
            id=made, unit_id=draft.unit_id, rhythm=draft.rhythm, minute=minute,
            endings=",".join(one for one in ENDINGS if one in draft.endings),
            mail=",".join(addresses), folder=draft.folder, done_for=None, made_ns=now_ns,
            account_id=by.account_id, made_by=by.name, made_name=by.full_name,
        )
    )  # fmt: skip
    audit.record(
        connection, by.actor, audit.Act.REPORT_ORDERED, now_ns=now_ns, thing=made,
        detail={"rhythm": draft.rhythm, "at": draft.at, "mail": len(addresses)},
    )  # fmt: skip
    return made


def change(
    connection: Connection, schedule_id: str, draft: Draft, *, by: Someone, now_ns: int
) -> None:
    """Order it otherwise; from now on it is made on these rights. A writing transaction.

    Raises:
        VonggacError: BAD_INPUT with `fields`; NOT_FOUND; CONFLICT, it is ended.
    """
    minute, addresses = check(draft)
    if find(connection, schedule_id).ended_ns is not None:
        raise VonggacError(Kind.CONFLICT, "this schedule is ended", code="not_now")
    table = rows.report_schedule
    connection.execute(
        table.update()
        .where(table.c.id == schedule_id)
        .values(
            unit_id=draft.unit_id, rhythm=draft.rhythm, minute=minute,
            endings=",".join(one for one in ENDINGS if one in draft.endings),
            mail=",".join(addresses), folder=draft.folder, made_ns=now_ns,
            account_id=by.account_id, made_by=by.name, made_name=by.full_name,
        )
    )  # fmt: skip
    audit.record(
        connection, by.actor, audit.Act.REPORT_ORDERED, now_ns=now_ns, thing=schedule_id,
        detail={"changed": True, "rhythm": draft.rhythm, "at": draft.at, "mail": len(addresses)},
    )  # fmt: skip


def ship(connection: Connection, cut_off: str, *, now_ns: int) -> None:
    """Bring the leader's page of each day, laid as a PDF into the folder, from the next cut-off on.

    Once: where anything was ever ordered, nothing is brought. A writing transaction.

    Raises:
        ConfigError: `cut_off` is no time of a day.
    """
    minute, table = minute_of(cut_off), rows.report_schedule
    if minute is None:
        raise ConfigError(f"{cut_off!r} is no time of a day", field="report.cut_off")
    if connection.execute(sa.select(table.c.id).limit(1)).first() is not None:
        return
    today, made = legal.day_of(now_ns), new_id()
    is_over = now_ns >= legal.start_of(today) + minute * 60 * NS
    connection.execute(
        table.insert().values(
            id=made, unit_id=None, rhythm="daily", minute=minute, endings="pdf", mail="",
            folder=True, done_for=today if is_over else None, made_ns=now_ns,
            account_id=SHIPPED, made_by=PROGRAM, made_name="",
        )
    )  # fmt: skip
    audit.record(
        connection, audit.Actor(PROGRAM), audit.Act.REPORT_ORDERED, now_ns=now_ns, thing=made,
        detail={"rhythm": "daily", "at": cut_off, "mail": 0},
    )  # fmt: skip


def rights(connection: Connection, it: Schedule, now_ns: int) -> Person:
    """On whose rights a report is made: those of its account now, or of the software's own."""
    if not it.is_shipped:
        return access.person_of(connection, it.account_id, now_ns)
    acts = duties(legal.day_of(now_ns))[SHIPPED_ROLE].acts | {Act.REPORT_MAKE}
    return Person(PROGRAM, PROGRAM, (Held(SHIPPED_ROLE, acts),))


def end(connection: Connection, schedule_id: str, *, by: Someone, now_ns: int) -> None:
    """Order it no more. A writing transaction.

    Raises:
        VonggacError: NOT_FOUND; CONFLICT, it is ended.
    """
    if find(connection, schedule_id).ended_ns is not None:
        raise VonggacError(Kind.CONFLICT, "this schedule is ended", code="not_now")
    table = rows.report_schedule
    connection.execute(
        table.update()
        .where(table.c.id == schedule_id)
        .values(ended_ns=now_ns, ended_by=by.name, ended_name=by.full_name)
    )
    audit.record(
        connection, by.actor, audit.Act.REPORT_ORDERED, now_ns=now_ns, thing=schedule_id,
        detail={"ended": True},
    )  # fmt: skip


def minute_of(at: str) -> int | None:
    """The minute of the day of 17:00; None for what is no time."""
    found = re.fullmatch(r"([01]?\d|2[0-3])[:hg]([0-5]\d)", at.strip(), re.ASCII)
    return int(found[1]) * 60 + int(found[2]) if found else None


def _addresses(mail: str) -> list[str] | None:
    every = [one.strip() for one in re.split(r"[,;\s]+", mail) if one.strip()]
    if len(every) > MOST or not all(MAIL.fullmatch(one) for one in every):
        return None
    return list(dict.fromkeys(every))


# -- the clock -------------------------------------------------------------------------------


def last_due(it: Schedule, now_ns: int) -> date | None:
    """The last day whose report is due by now; None before the first.

    Weekly ones are made for the week that ends on Sunday, monthly ones for the month that ended.
    """
    today = legal.day_of(now_ns)
    is_over = now_ns >= legal.start_of(today) + it.minute * 60 * NS
    day = today if is_over else today - timedelta(days=1)
    if it.rhythm == "weekly":
        day -= timedelta(days=(day.weekday() + 1) % 7)
    elif it.rhythm == "monthly":
        day = day.replace(day=1) - timedelta(days=1)
    # What was over before it was ordered was not ordered.
    return day if day >= legal.day_of(it.made_ns) else None


def due(connection: Connection, now_ns: int) -> list[tuple[Schedule, date]]:
    """Schedules that stand and whose report is due, each with its last day."""
    found = []
    for it in standing(connection):
        day = last_due(it, now_ns)
        if day is not None and (it.done_for is None or it.done_for < day):
            found.append((it, day))
    return found


def made_for(connection: Connection, it: Schedule, day: date) -> None:
    """Say that the report of a day was made. A writing transaction."""
    table = rows.report_schedule
    connection.execute(table.update().where(table.c.id == it.id).values(done_for=day))


# -- deliveries ------------------------------------------------------------------------------


def send(connection: Connection, it: Schedule, report_id: str, *, now_ns: int) -> None:
    """Make the deliveries of a report, to be done at once. A writing transaction."""
    ways = [("file", ending) for ending in it.endings.split(",")] if it.folder else []
    ways += [("mail", address) for address in it.addresses]
    for way, target in ways:
        connection.execute(
            rows.report_delivery.insert().values(
                id=new_id(), schedule_id=it.id, report_id=report_id, way=way, target=target,
                state="waiting", tries=0, next_ns=now_ns, made_ns=now_ns,
            )
        )  # fmt: skip


def waiting(connection: Connection, now_ns: int) -> list[Delivery]:
    """Deliveries whose next try is due, the oldest first."""
    table = rows.report_delivery
    query = _deliveries().where(table.c.state == "waiting", table.c.next_ns <= now_ns)
    return [Delivery(*row) for row in connection.execute(query.order_by(table.c.made_ns)).all()]


def note(
    connection: Connection, it: Delivery, fault: str, *, actor: audit.Actor, now_ns: int
) -> None:
    """Say how a try went: well with an empty fault. A writing transaction."""
    values: dict[str, Any] = {"tries": it.tries + 1, "fault": fault[:FAULT_MOST]}
    if not fault:
        values |= {"state": "done", "next_ns": None, "done_ns": now_ns}
    elif it.tries >= len(PAUSES_S):
        values |= {"state": "failed", "next_ns": None}
    else:
        values["next_ns"] = now_ns + PAUSES_S[it.tries] * NS
    table = rows.report_delivery
    connection.execute(table.update().where(table.c.id == it.id).values(**values))
    audit.record(
        connection, actor, audit.Act.REPORT_DELIVERED, now_ns=now_ns, thing=it.report_id,
        outcome="refused" if fault else "done",
        detail={"way": it.way, "target": it.target, "tries": it.tries + 1},
    )  # fmt: skip


def again(connection: Connection, delivery_id: str, *, now_ns: int) -> None:
    """Try a failed delivery from the beginning. A writing transaction.

    Raises:
        VonggacError: CONFLICT, it did not fail, or there is none.
    """
    table = rows.report_delivery
    changed = connection.execute(
        table.update()
        .where(table.c.id == delivery_id, table.c.state == "failed")
        .values(state="waiting", tries=0, next_ns=now_ns)
    ).rowcount
    if not changed:
        raise VonggacError(Kind.CONFLICT, "this delivery did not fail", code="not_now")


# -- reading ---------------------------------------------------------------------------------


def find(connection: Connection, schedule_id: str) -> Schedule:
    """One schedule.

    Raises:
        VonggacError: NOT_FOUND.
    """
    table = rows.report_schedule
    row = connection.execute(_schedules().where(table.c.id == schedule_id)).one_or_none()
    if row is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such schedule")
    return Schedule(*row)


def standing(connection: Connection) -> list[Schedule]:
    """Schedules that are not ended, the oldest first."""
    table = rows.report_schedule
    query = _schedules().where(table.c.ended_ns.is_(None)).order_by(table.c.made_ns, table.c.id)
    return [Schedule(*row) for row in connection.execute(query).all()]


def deliveries(connection: Connection, schedule_ids: Sequence[str]) -> list[Delivery]:
    """What became of reports of these schedules, the newest first."""
    table = rows.report_delivery
    query = _deliveries().where(table.c.schedule_id.in_(list(schedule_ids)))
    query = query.order_by(table.c.made_ns.desc(), table.c.id).limit(SHOWN)
    return [Delivery(*row) for row in connection.execute(query).all()]


def matters(
    connection: Connection, _allowed_sites: Sequence[str], person: Person, *, now_ns: int
) -> list[Matter]:
    """Why reports do not arrive: for administrators where a setting is at fault, and for makers."""
    rules = access.may_somewhere(person, Act.SETTINGS_EDIT, now_ns=now_ns)
    makes = access.may_somewhere(person, Act.REPORT_MAKE, now_ns=now_ns)
    if not rules and not makes:
        return []
    seen = []
    for it in standing(connection):
        thing = access.thing_of_unit(connection, it.unit_id) if it.unit_id else access.SYSTEM
        if rules or access.may(person, Act.REPORT_MAKE, thing, now_ns=now_ns):
            seen.append(it.id)
    whys = {
        one.why: None for one in deliveries(connection, seen)
        if one.state != "done" and one.why and (makes or one.why in SETTINGS)
    }  # fmt: skip
    href = "/reports/schedules" if makes else "/system"
    return [Matter("report", UNSENT[why], href, Standing.DUE) for why in whys]


def _schedules() -> sa.Select[*tuple[Any, ...]]:
    return sa.select(*(rows.report_schedule.c[name] for name in Schedule.__dataclass_fields__))


def _deliveries() -> sa.Select[*tuple[Any, ...]]:
    return sa.select(*(rows.report_delivery.c[name] for name in Delivery.__dataclass_fields__))
