"""Reports by the clock: counted when they are due, laid into a folder, mailed.

Counting uses the rights of whoever ordered the report, as they are at that moment.  A mail goes
over SMTP with TLS unless the setting says otherwise; its text names unit and span, its files are
the report.  What fails is tried again and shown.
"""

from __future__ import annotations

import asyncio
import os
import smtplib
import ssl
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import TYPE_CHECKING, Any, Final

from vonggac import log, paper
from vonggac.domain import (
    access,
    audit,
    citing,
    issuers,
    legal,
    letters,
    report_papers,
    reports,
    schedules,
    statistics,
)
from vonggac.domain.exports import Someone
from vonggac.errors import ConfigError, Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date
    from pathlib import Path

    from vonggac.clock import Clock
    from vonggac.config import MailConfig
    from vonggac.db import Connection, Database
    from vonggac.domain.schedules import Delivery, Schedule

_log = log.get(__name__)

LOOK_S: Final = 30.0
"""Seconds between two looks whether something is due."""
SMTP_S: Final = 30.0
"""Seconds that a mail server has for each answer (ours)."""
FOLDER: Final = "reports"
"""Below the data directory, unless the setting says otherwise."""
PROGRAM: Final = audit.Actor("vonggac")
TYPES: Final[Mapping[str, tuple[str, str]]] = {
    "pdf": ("application", "pdf"),
    "docx": ("application", "vnd.openxmlformats-officedocument.wordprocessingml.document"),
    "xlsx": ("application", "vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
}


async def run(database: Database, clock: Clock, folder: Path, mail: MailConfig) -> None:
    """Make and deliver what is due, for good; returns only when cancelled."""
    while True:
        await asyncio.to_thread(look, database, clock.wall_ns(), folder, mail)
        await clock.sleep(LOOK_S)


def look(database: Database, now_ns: int, folder: Path, mail: MailConfig) -> None:
    """Make the reports that are due, then try every delivery whose turn it is."""
    with database.reading() as connection:
        ready = schedules.due(connection, now_ns)
    for it, day in ready:
        _make(database, it, day, now_ns)
    with database.reading() as connection:
        every = schedules.waiting(connection, now_ns)
    for one in every:
        fault = _deliver(database, one, folder, mail)
        with database.writing() as connection:
            schedules.note(connection, one, fault, actor=PROGRAM, now_ns=now_ns)
        if fault:
            _log.warning("report.not_delivered", way=one.way, tries=one.tries + 1)


def _make(database: Database, it: Schedule, day: date, now_ns: int) -> None:
    span = statistics.usual(it.rhythm, day)
    with database.reading() as connection:
        person = schedules.rights(connection, it, now_ns)
        may = access.may_somewhere(person, access.Act.REPORT_MAKE, now_ns=now_ns)
        try:
            data = _data(connection, it, span, person, now_ns) if may else None
        except VonggacError as error:
            if error.kind not in (Kind.FORBIDDEN, Kind.NOT_FOUND):
                raise
            data = None  # the role is over another unit now
    with database.writing() as connection:
        schedules.made_for(connection, it, day)
        if data is None:
            # Whoever ordered it may not read such a report any more.
            schedules.end(connection, it.id, by=Someone("", "vonggac"), now_ns=now_ns)
            return
        by = Someone(it.account_id, it.made_by, it.made_name)
        kind: reports.ReportKind = "daily" if it.rhythm == "daily" else "periodic"
        kept = reports.keep(connection, data, kind, by=by, now_ns=now_ns)
        schedules.send(connection, it, kept, now_ns=now_ns)


def _data(
    connection: Connection, it: Schedule, span: statistics.Span, person: Any, now_ns: int
) -> dict[str, Any]:
    # What is kept is counted now: pages of the whole hub may be a minute old.
    counted = reports.count(connection, person, it.unit_id, span, now_ns=now_ns, fresh=True)
    extra: dict[str, Any] = {}
    if it.rhythm == "daily":
        ids = [row.site_id for row in counted.whole.rows]
        extra["day"] = reports.day_of(connection, person, ids, span.last, now_ns=now_ns)
    made: dict[str, Any] = reports.data_of(counted, now_ns=now_ns, extra=extra)
    return made


# -- delivering ------------------------------------------------------------------------------


def _deliver(database: Database, one: Delivery, folder: Path, mail: MailConfig) -> str:
    """Do it; what went wrong in one line, empty when nothing did."""
    with database.reading() as connection:
        it = schedules.find(connection, one.schedule_id)
        data = reports.data_kept(connection, one.report_id)
        endings = [one.target] if one.way == "file" else it.endings.split(",")
        files = {ending: file_of(connection, data, ending) for ending in endings}
    name = f"bao-cao-{data['from']}-{data['to']}-{one.report_id[:8]}"
    try:
        if one.way == "file":
            _lay(folder / f"{name}.{one.target}", files[one.target])
        else:
            _mail(mail, one.target, data, {f"{name}.{end}": made for end, made in files.items()})
    except (OSError, smtplib.SMTPException, ValueError, ConfigError) as error:
        return f"{why(error, one.way)}: {type(error).__name__}: {str(error)[:300]}"
    return ""


def why(error: Exception, way: str) -> str:
    """Why a delivery failed, as whoever can act must know it: a code of `schedules.UNSENT`."""
    match error:
        case ssl.SSLCertVerificationError():
            return "certificate"
        case ssl.SSLError():
            return "no_tls"
        case smtplib.SMTPNotSupportedError():
            return "no_tls" if "STARTTLS" in str(error) else "password"
        case smtplib.SMTPAuthenticationError():
            return "password"
        case smtplib.SMTPRecipientsRefused():
            return "recipient"
        case smtplib.SMTPServerDisconnected() | smtplib.SMTPConnectError():
            return "unreachable"
        case smtplib.SMTPException() | ValueError():
            return "refused"
        case ConfigError():
            return "no_server" if error.detail.get("field") == "mail.host" else "no_password"
        case _:
            return "folder" if way == "file" else "unreachable"


def file_of(connection: Connection, data: Mapping[str, Any], ending: str) -> bytes:
    """A kept report as a file."""
    if ending == "xlsx":
        return report_papers.workbook(data)
    if ending == "pdf" and "day" in data:
        return paper.pdf("daily", report_papers.day_values(data))
    on = datetime.fromisoformat(data["counted"]).astimezone(legal.VIETNAM).date()
    office = issuers.office(connection, data["unit"]["id"], on=on, otherwise=data["unit"]["name"])
    above = "" if office.province == office.name else office.province
    order = citing.carried(connection, "report:", unit_id=data["unit"]["id"])
    under = citing.opening(connection, order)
    made = report_papers.letter(data, office, above, on=on, under=under)
    if ending == "pdf":
        return paper.official(made)
    # python-docx costs a start of the program more than all else; few reports need it.
    from vonggac.paper import word

    return word.document(made, letters.template_content(connection))


def _lay(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.part")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _mail(
    mail: MailConfig, address: str, data: Mapping[str, Any], files: Mapping[str, bytes]
) -> None:
    """Send one mail.

    Raises:
        ConfigError: no server is set, or its password cannot be read.
        OSError, SMTPException: it does not take the mail, or is not who it should be.
    """
    if not mail.host:
        raise ConfigError("no mail server is set: [mail] host", field="mail.host")
    message = letter_of(mail, address, data, files)
    context = ssl.create_default_context(cafile=mail.ca)
    server: smtplib.SMTP
    if mail.security == "tls":
        server = smtplib.SMTP_SSL(mail.host, mail.port, timeout=SMTP_S, context=context)
    else:
        server = smtplib.SMTP(mail.host, mail.port, timeout=SMTP_S)
    with server:
        if mail.security == "starttls":
            server.starttls(context=context)
        if mail.user and mail.password is not None:
            server.login(mail.user, mail.password.read("mail.password").reveal())
        server.send_message(message)


def letter_of(
    mail: MailConfig, address: str, data: Mapping[str, Any], files: Mapping[str, bytes]
) -> EmailMessage:
    """The mail that carries a report."""
    message = EmailMessage()
    unit, first, last = data["unit"]["name"], data["from"], data["to"]
    span = last if first == last else f"{first} - {last}"
    message["From"] = mail.sender
    message["To"] = address
    message["Subject"] = f"Báo cáo giám sát camera: {unit}, {span}"
    message["Date"] = format_datetime(datetime.fromisoformat(data["counted"]).astimezone(UTC))
    message["Message-ID"] = make_msgid(domain="vonggac")
    message.set_content(
        f"Báo cáo kèm theo: {unit}, {span}.\n"
        f"Số liệu lúc {data['counted']}. Thư do phần mềm gửi theo lịch, không trả lời thư này.\n"
    )
    for name, content in files.items():
        kind, sub = TYPES[name.rpartition(".")[2]]
        message.add_attachment(content, maintype=kind, subtype=sub, filename=name)
    return message
