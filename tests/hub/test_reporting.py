"""Reports by the clock: made when they are due, laid down whole, mailed, tried again, shown.

The mail server is a real one that speaks SMTP on a socket of this machine.
"""

from __future__ import annotations

import base64
import email
import email.policy
import io
import socketserver
import ssl
import threading
import time
from contextlib import contextmanager
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
from vonggac.domain.access import Act, Held, Person
from vonggac.domain.exports import Someone
from vonggac.domain.schedules import PAUSES_S, Draft, Schedule, last_due
from vonggac.errors import ConfigError, VonggacError
from vonggac.hub import reporting
from vonggac.keys import tls

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TODAY = legal.day_of(NOW_NS)
MINUTE = 60 * NS


class Smtp(socketserver.ThreadingTCPServer):
    """A mail server that keeps what it takes; `refuse` answers each recipient with that.

    Args:
        context: its certificate; without one it speaks no TLS.
        at_once: TLS from the first byte, not after STARTTLS.
        address: where it listens.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(
        self,
        context: ssl.SSLContext | None = None,
        *,
        at_once: bool = False,
        address: str = "127.0.0.1",
    ) -> None:
        super().__init__((address, 0), _Talk)
        self.context = context
        self.at_once = at_once
        self.taken: list[tuple[str, bytes]] = []
        self.logins: list[bytes] = []
        self.secured: list[str] = []
        """The TLS version of each mail that was taken."""
        self.password: bytes | None = None
        """The only login that is taken; None takes any."""
        self.refuse = ""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that does not trust the certificate hangs up in the middle of the handshake."""


class _Talk(socketserver.StreamRequestHandler):
    server: Smtp

    def setup(self) -> None:
        if self.server.context is not None and self.server.at_once:
            self.request = self.server.context.wrap_socket(self.request, server_side=True)
        super().setup()

    def finish(self) -> None:
        super().finish()
        self.request.close()

    def _secure(self) -> None:
        """What comes after STARTTLS is read and written through TLS."""
        assert self.server.context is not None
        self.request = self.server.context.wrap_socket(self.request, server_side=True)
        super().setup()

    def handle(self) -> None:
        self._say("220 stage ESMTP")
        to = ""
        while line := self.rfile.readline():
            word, _, rest = line.strip().decode().partition(" ")
            match word.upper():
                case "EHLO":
                    self._say("250-stage")
                    if self.server.context is not None and not self._version():
                        self._say("250-STARTTLS")
                    self._say("250 AUTH PLAIN")
                case "STARTTLS" if self.server.context is not None:
                    self._say("220 2.0.0 go on")
                    self._secure()
                case "AUTH":
                    said = base64.b64decode(rest.split()[1])
                    self.server.logins.append(said)
                    known = self.server.password in (None, said.rpartition(b"\0")[2])
                    self._say("235 2.7.0 yes" if known else "535 5.7.8 no such account")
                case "RCPT":
                    to = rest
                    self._say(self.server.refuse or "250 2.1.5 yes")
                case "DATA":
                    self._say("354 go on")
                    said = b""
                    while (more := self.rfile.readline()) != b".\r\n":
                        said += more.removeprefix(b".")
                    self.server.taken.append((to, said))
                    self.server.secured.append(self._version())
                    self._say("250 2.0.0 taken")
                case "QUIT":
                    self._say("221 2.0.0 bye")
                    return
                case _:
                    self._say("250 2.0.0 yes")

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def _version(self) -> str:
        """Of TLS; empty without it."""
        return (self.request.version() or "") if isinstance(self.request, ssl.SSLSocket) else ""


@contextmanager
def served(server: Smtp) -> Iterator[Smtp]:
    with server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()


@pytest.fixture
def smtp() -> Iterator[Smtp]:
    with served(Smtp()) as server:
        yield server


@pytest.fixture
def office(tmp_path: Path) -> tuple[ssl.SSLContext, str]:
    """What a mail server of the office speaks TLS with, and the file of who vouches for it."""
    return certified(tmp_path / "office")


def certified(folder: Path) -> tuple[ssl.SSLContext, str]:
    made = tls.authority(folder, (), now_s=int(time.time()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.files.certificate, made.files.key)
    return context, str(made.trusted)


def mailed(database: Database) -> Schedule:
    """A report that goes by mail alone."""
    return ordered(database, by_of(database), mail="a@b.example", folder=False, endings=("xlsx",))


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


@pytest.mark.parametrize(("security", "at_once"), [("tls", True), ("starttls", False)])
def test_a_mail_goes_over_tls_with_its_password(
    database: Database, office: tuple[ssl.SSLContext, str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, security: Any, at_once: bool,
) -> None:  # fmt: skip
    """From the first byte or after STARTTLS, to a server whose certificate is held against `ca`."""
    monkeypatch.setenv("MAIL_PASSWORD", "mot mat khau")
    context, ca = office
    with served(Smtp(context, at_once=at_once)) as server:
        server.password = b"mot mat khau"
        it = mailed(database)
        mail = MailConfig(
            host="localhost", port=server.server_address[1], security=security, ca=ca,
            user="vonggac", password=SecretRef(env="MAIL_PASSWORD"),
        )  # fmt: skip
        reporting.look(database, NOW_NS, tmp_path, mail)
    (one,) = deliveries(database, it)
    assert (one.state, one.fault) == ("done", "")
    assert server.secured == ["TLSv1.3"]


@pytest.mark.parametrize("security", ["tls", "starttls"])
@pytest.mark.parametrize("wrong", ["authority", "name"])
def test_a_server_that_is_not_who_it_should_be_gets_neither_mail_nor_password(
    database: Database, office: tuple[ssl.SSLContext, str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, security: Any, wrong: str,
) -> None:  # fmt: skip
    """Its certificate is of another authority, or of another name."""
    monkeypatch.setenv("MAIL_PASSWORD", "mot mat khau")
    context, ca = office
    if wrong == "authority":
        ca = certified(tmp_path / "other")[1]
    address = "127.0.0.2" if wrong == "name" else "127.0.0.1"
    with served(Smtp(context, at_once=security == "tls", address=address)) as server:
        it = mailed(database)
        mail = MailConfig(
            host=address, port=server.server_address[1], security=security, ca=ca,
            user="vonggac", password=SecretRef(env="MAIL_PASSWORD"),
        )  # fmt: skip
        reporting.look(database, NOW_NS, tmp_path, mail)
    (one,) = deliveries(database, it)
    assert (one.state, one.why) == ("waiting", "certificate")
    assert (server.taken, server.logins) == ([], [])


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"password": SecretRef(env="MAIL_PASSWORD")}, "password"),
        ({"password": SecretRef(env="NOT_SET")}, "no_password"),
        ({"security": "starttls"}, "no_tls"),
        ({"security": "tls"}, "no_tls"),
        ({"host": ""}, "no_server"),
    ],
)
def test_who_can_act_is_told_why_no_mail_goes(
    database: Database, smtp: Smtp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    changed: dict[str, Any], why: str,
) -> None:  # fmt: skip
    """Administrators on the page of their day, who ordered the report on theirs; nobody else."""
    monkeypatch.setenv("MAIL_PASSWORD", "sai mat khau")
    smtp.password = b"mot mat khau"
    it = mailed(database)
    values = {"host": "127.0.0.1", "port": smtp.server_address[1], "security": "none",
              "user": "vonggac", **changed}  # fmt: skip
    reporting.look(database, NOW_NS, tmp_path, MailConfig(**values))
    (one,) = deliveries(database, it)
    assert (one.state, one.why) == ("waiting", why)
    assert "sai mat khau" not in one.fault
    assert smtp.taken == []

    def told(*acts: Act) -> list[str]:
        held = Held("role", frozenset(acts))
        with database.reading() as connection:
            found = schedules.matters(connection, [], Person("p", "p", (held,)), now_ns=NOW_NS)
        return [each.href for each in found if each.what == schedules.UNSENT[why]]

    assert told(Act.SETTINGS_EDIT) == ["/system"]
    assert told(Act.REPORT_MAKE) == ["/reports/schedules"]
    assert told(Act.FACILITY_SEE) == []


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


def test_a_fresh_hub_lays_the_leaders_page_down_each_day(
    database: Database, tmp_path: Path
) -> None:
    """Nobody ordered it: one sheet from the next cut-off on; whoever changes it takes it over."""
    began_ns, folder = legal.start_of(TODAY) + 18 * 60 * MINUTE, tmp_path / "reports"
    with database.writing() as connection:
        schedules.ship(connection, "17:00", now_ns=began_ns)
        schedules.ship(connection, "17:00", now_ns=began_ns)
        (it,) = schedules.standing(connection)
    assert (it.is_shipped, it.unit_id, it.rhythm, it.endings) == (True, None, "daily", "pdf")
    reporting.look(database, began_ns, folder, MailConfig())
    assert not folder.exists(), "what was over before the first start was not ordered"
    tomorrow = TODAY + timedelta(days=1)
    reporting.look(database, legal.start_of(tomorrow) + 17 * 60 * MINUTE, folder, MailConfig())
    (laid,) = folder.iterdir()
    (page,) = pypdf.PdfReader(laid).pages
    assert f"TÌNH HÌNH NGÀY {tomorrow:%d/%m/%Y}" in page.extract_text()
    by = by_of(database)
    with database.writing() as connection:
        draft = Draft(None, "daily", "16:30", ("xlsx",))
        schedules.change(connection, it.id, draft, by=by, now_ns=began_ns)
        changed = schedules.find(connection, it.id)
        assert (changed.is_shipped, changed.minute, changed.made_by) == (False, 990, by.name)
        schedules.end(connection, it.id, by=by, now_ns=began_ns)
        schedules.ship(connection, "17:00", now_ns=began_ns)
        assert schedules.standing(connection) == [], "what was ended does not come again"
        with pytest.raises(VonggacError, match="ended"):
            schedules.change(connection, it.id, draft, by=by, now_ns=began_ns)
        with pytest.raises(ConfigError, match="no time"):
            schedules.ship(connection, "25:00", now_ns=began_ns)


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
