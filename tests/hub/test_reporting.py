"""Reports by the clock: made when they are due, laid down whole, mailed, tried again, shown.

The mail server is a real one that speaks SMTP on a socket of this machine.
"""

from __future__ import annotations

import base64
import email
import email.policy
import io
import socketserver
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import openpyxl
import pypdf
import pytest
import sqlalchemy as sa

from hub_stage import NOW_NS, seed
from vonggac.clock import NS
from vonggac.config import MailConfig, SecretRef
from vonggac.db import Database, sqlite_url, tables
from vonggac.domain import audit, legal, roles, schedules
from vonggac.domain.exports import Someone
from vonggac.domain.schedules import PAUSES_S, Draft, Schedule, last_due
from vonggac.errors import VonggacError
from vonggac.hub import reporting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TODAY = legal.day_of(NOW_NS)
MINUTE = 60 * NS


class Smtp(socketserver.ThreadingTCPServer):
    """A mail server that keeps what it takes; `refuse` answers each recipient with that."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Talk)
        self.taken: list[tuple[str, bytes]] = []
        self.logins: list[bytes] = []
        self.refuse = ""


class _Talk(socketserver.StreamRequestHandler):
    server: Smtp

    def handle(self) -> None:
        self._say("220 stage ESMTP")
        to = ""
        while line := self.rfile.readline():
            word, _, rest = line.strip().decode().partition(" ")
            match word.upper():
                case "EHLO":
                    self._say("250-stage")
                    self._say("250 AUTH PLAIN")
                case "AUTH":
                    self.server.logins.append(base64.b64decode(rest.split()[1]))
                    self._say("235 2.7.0 yes")
                case "RCPT":
                    to = rest
                    self._say(self.server.refuse or "250 2.1.5 yes")
                case "DATA":
                    self._say("354 go on")
                    said = b""
                    while (more := self.rfile.readline()) != b".\r\n":
                        said += more.removeprefix(b".")
                    self.server.taken.append((to, said))
                    self._say("250 2.0.0 taken")
                case "QUIT":
                    self._say("221 2.0.0 bye")
                    return
                case _:
                    self._say("250 2.0.0 yes")

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@pytest.fixture
def smtp() -> Iterator[Smtp]:
    with Smtp() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = Database(sqlite_url(tmp_path / "hub.db"))
    found.migrate()
    seed(found, tmp_path, now_ns=NOW_NS)
    yield found
    found.close()


def by_of(database: Database) -> Someone:
    """The account, with a role that may make reports."""
    with database.writing() as connection:
        row = connection.execute(sa.select(tables.account.c.id, tables.account.c.name)).first()
        assert row is not None
        roles.give(
            connection, roles.whoever_holds_the_machine(NOW_NS), row.id,
            roles.Draft(role="office", reason="phân công"), now_ns=NOW_NS,
        )  # fmt: skip
        return Someone(row.id, row.name, "Người A")


def ordered(database: Database, by: Someone, **more: Any) -> Schedule:
    values = {"rhythm": "daily", "at": "14:00", "endings": ("pdf", "xlsx"), "mail": "", **more}
    with database.writing() as connection:
        made = schedules.order(connection, Draft(None, **values), by=by, now_ns=NOW_NS)
        return schedules.find(connection, made)


def deliveries(database: Database, it: Schedule) -> list[schedules.Delivery]:
    with database.reading() as connection:
        return schedules.deliveries(connection, [it.id])


def test_a_daily_report_is_laid_down_and_mailed_once(
    database: Database, smtp: Smtp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Due at its hour, with its files whole; a second look makes nothing more."""
    monkeypatch.setenv("MAIL_PASSWORD", "mot mat khau")
    it = ordered(database, by_of(database), mail="lanhdao@co-quan.example")
    mail = MailConfig(
        host="127.0.0.1", port=smtp.server_address[1], security="none", user="vonggac",
        password=SecretRef(env="MAIL_PASSWORD"), sender="vonggac@hub.example",
    )  # fmt: skip
    for _ in range(2):
        reporting.look(database, NOW_NS, tmp_path / "out", mail)
    assert {(one.way, one.state) for one in deliveries(database, it)} == {
        ("file", "done"), ("mail", "done"),
    }  # fmt: skip
    (pdf,) = (tmp_path / "out").glob("*.pdf")
    (sheet,) = (tmp_path / "out").glob("*.xlsx")
    assert len(pypdf.PdfReader(pdf).pages) == 1
    assert list((tmp_path / "out").glob(".*")) == []
    ((to, raw),) = smtp.taken
    assert "lanhdao@co-quan.example" in to
    assert smtp.logins == [b"\0vonggac\0mot mat khau"]
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert str(message["Subject"]).startswith("Báo cáo giám sát camera")
    files = {part.get_filename(): part.get_content() for part in message.iter_attachments()}
    assert files[sheet.name] == sheet.read_bytes()
    assert "Cơ sở" in openpyxl.load_workbook(io.BytesIO(files[sheet.name])).sheetnames
    with database.reading() as connection:
        assert schedules.find(connection, it.id).done_for == TODAY
        acts = connection.execute(sa.select(tables.audit.c.act)).scalars().all()
    assert acts.count(audit.Act.REPORT_DELIVERED.value) == 3


def test_a_mail_that_is_not_taken_is_tried_again_and_shown(
    database: Database, smtp: Smtp, tmp_path: Path
) -> None:
    """With what the server said, at growing pauses; once it is taken, it is over."""
    it = ordered(database, by_of(database), mail="a@b.example", folder=False)
    smtp.refuse = "451 4.3.0 later"
    mail = MailConfig(host="127.0.0.1", port=smtp.server_address[1], security="none")
    reporting.look(database, NOW_NS, tmp_path, mail)
    (one,) = deliveries(database, it)
    assert (one.state, one.tries) == ("waiting", 1)
    assert "later" in one.fault
    reporting.look(database, NOW_NS + NS, tmp_path, mail)
    assert deliveries(database, it)[0].tries == 1
    smtp.refuse = ""
    reporting.look(database, NOW_NS + PAUSES_S[0] * NS, tmp_path, mail)
    (one,) = deliveries(database, it)
    assert (one.state, one.tries, one.fault) == ("done", 2, "")


def test_what_never_works_ends_as_failed_and_can_be_sent_again(
    database: Database, tmp_path: Path
) -> None:
    """No server is set: five more tries, then a person decides."""
    it = ordered(database, by_of(database), mail="a@b.example", folder=False)
    at = NOW_NS
    for pause in (0, *PAUSES_S):
        at += pause * NS
        reporting.look(database, at, tmp_path, MailConfig())
    (one,) = deliveries(database, it)
    assert (one.state, one.next_ns) == ("failed", None)
    assert "no mail server" in one.fault
    with database.writing() as connection:
        schedules.again(connection, one.id, now_ns=at)
        with pytest.raises(VonggacError, match="did not fail"):
            schedules.again(connection, one.id, now_ns=at)


def test_a_schedule_ends_with_the_role_of_whoever_ordered_it(
    database: Database, tmp_path: Path
) -> None:
    """Nobody gets by the clock what they may not read any more."""
    it = ordered(database, by_of(database))
    with database.writing() as connection:
        connection.execute(tables.role_held.update().values(to_ns=NOW_NS))
    reporting.look(database, NOW_NS, tmp_path, MailConfig())
    with database.reading() as connection:
        assert schedules.find(connection, it.id).ended_ns == NOW_NS
    assert deliveries(database, it) == []


def test_days_weeks_and_months_are_over_at_their_hour() -> None:
    """Before the hour it is yesterday's; a week ends on Sunday, a month on its last day."""
    ordered_ns = NOW_NS - 60 * 86_400 * NS

    def at(rhythm: Any, minute: int) -> Any:
        it = Schedule("s", None, rhythm, minute, "pdf", "", True, None, ordered_ns, "", "", "",
                      None)  # fmt: skip
        return last_due(it, NOW_NS)

    clock = (NOW_NS - legal.start_of(TODAY)) // MINUTE
    assert at("daily", clock) == TODAY
    assert at("daily", clock + 1) == TODAY - timedelta(days=1)
    assert at("weekly", 0).weekday() == 6
    assert at("monthly", 0) == TODAY.replace(day=1) - timedelta(days=1)


def test_bad_orders_are_said_field_by_field(database: Database) -> None:
    """A rhythm, a time, files and addresses that there are."""
    by = by_of(database)
    for more, faults in (
        ({"rhythm": "hourly"}, {"rhythm": "no_such_kind"}),
        ({"at": "25:00"}, {"at": "no_clock"}),
        ({"endings": ()}, {"endings": "required"}),
        ({"mail": "nobody"}, {"mail": "no_mail"}),
        ({"folder": False}, {"mail": "required"}),
    ):
        with pytest.raises(VonggacError) as refused:
            ordered(database, by, **more)
        assert refused.value.detail["fields"] == faults
