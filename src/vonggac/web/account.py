"""One's own account: sessions, the second factor, recovery codes, the PIN, tokens."""

from __future__ import annotations

import base64
import binascii
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import segno
from fastapi import APIRouter, Depends, Request
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from vonggac.domain import accounts, audit, second_factor, sessions, tokens, workstations
from vonggac.domain.audit import Act
from vonggac.errors import Kind, VonggacError
from vonggac.web import entrance
from vonggac.web.desk import Visitor, visitor
from vonggac.web.render import Form, form_values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from vonggac.config import Secret
    from vonggac.db import Connection

routes = APIRouter(include_in_schema=False)

FACTORS: Mapping[str, str] = {
    "password": "mật khẩu",
    "totp": "mật khẩu và mã xác thực",
    "recovery": "mật khẩu và mã dự phòng",
    "pin": "mã PIN",
}
"""What a session was opened with, in words."""

SCOPES: Mapping[str, tuple[str, str]] = {
    "read": ("Đọc", "danh sách camera, trạng thái, sổ ghi hình"),
    "pictures": ("Hình", "xem trực tiếp, xem lại, chụp hình, tải bản ghi"),
    "manage": ("Quản lý", "mọi việc làm thay đổi, trong quyền của bạn"),
}
"""Name and meaning of each scope of a token."""

FAULTS: Mapping[str, str] = {
    "code_wrong": "Mã không đúng hoặc đã dùng. Kiểm tra giờ của điện thoại rồi nhập mã mới.",
    "current_wrong": "Mã hiện tại không đúng hoặc đã dùng.",
    "pin_not_figures": "Mã PIN gồm {least} đến 12 chữ số.",
    "pin_too_plain": "Mã PIN quá dễ đoán: không dùng số liên tiếp hoặc một số lặp lại.",
    "pin_differs": "Hai lần nhập không giống nhau.",
    "not_full": "Hãy đăng nhập đầy đủ tại máy này rồi đặt mã PIN.",
    "title": "Ghi khóa này dùng vào việc gì.",
    "scopes": "Chọn ít nhất một phạm vi.",
    "days": "Thời hạn từ 1 đến {most} ngày.",
}
"""What is said of input that cannot be taken."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A second factor that is not enrolled yet."""

    secret: str
    address: str
    sealed: str
    """The secret, sealed for this account: the form carries it back."""


def offer_factor(who: Visitor) -> Offer:
    """A new secret for the visitor; nothing is kept."""
    account = _session(who).account
    secret = second_factor.new_secret()
    return Offer(
        secret.reveal(),
        second_factor.address_of(secret, account.name),
        base64.urlsafe_b64encode(who.desk.box.lock(secret, f"offer {account.id}")).decode(),
    )


def enrol_factor(who: Visitor, sealed: str, code: str) -> list[str]:
    """Keep an offered secret for the visitor; returns the recovery codes, to be shown once.

    Raises:
        VonggacError: BAD_INPUT, the code is wrong, or the offer was not made for this account.
    """
    account, desk = _session(who).account, who.desk
    secret = _offered(who, sealed)
    now_ns = desk.now_ns()
    with desk.database.writing() as connection:
        codes = second_factor.enrol(connection, desk.box, account, secret, code, now_ns=now_ns)
        audit.record(connection, who.actor, Act.FACTOR_ENROLLED, now_ns=now_ns, thing=account.name)
    return codes


def _offered(who: Visitor, sealed: str) -> Secret:
    account = _session(who).account
    try:
        locked = base64.urlsafe_b64decode(sealed)
    except (binascii.Error, ValueError):
        raise VonggacError(Kind.BAD_INPUT, "sealed: not as it was given") from None
    try:
        return who.desk.box.unlock(locked, f"offer {account.id}")
    except VonggacError:
        raise VonggacError(Kind.BAD_INPUT, "sealed: made for another account") from None


def end_sessions(who: Visitor, account_id: str, session_id: str | None, *, but: str = "") -> int:
    """End one session of an account, or all but one; returns how many. Audited."""
    desk, now_ns = who.desk, who.desk.now_ns()
    with desk.database.writing() as connection:
        owner = accounts.find(connection, account_id)
        ended = sessions.revoke(
            connection, account_id, now_ns=now_ns, session_id=session_id, but=but or None
        )
        if ended:
            audit.record(
                connection,
                who.actor,
                Act.SESSION_ENDED,
                now_ns=now_ns,
                thing=owner.name,
                detail={"sessions": ended},
            )
    return ended


def make_token(
    who: Visitor, title: str, scopes: Iterable[str], days: int
) -> tuple[tokens.Token, str]:
    """Make a token for the visitor.

    Raises:
        VonggacError: BAD_INPUT, TOO_MANY.
    """
    session, desk, now_ns = who.signed_in, who.desk, who.desk.now_ns()
    with desk.database.writing() as connection:
        token, value = tokens.issue(
            connection,
            session.account,
            title=title,
            scopes=list(scopes),
            days=days,
            now_ns=now_ns,
            rules=desk.rules,
        )
        audit.record(
            connection,
            who.actor,
            Act.TOKEN_MADE,
            now_ns=now_ns,
            thing=token.title,
            detail={"scopes": " ".join(token.scopes), "days": days, "token": token.id},
        )
    return token, value


def revoke_token(who: Visitor, token_id: str) -> None:
    """Take one of the visitor's tokens back; harmless when it is gone."""
    session, desk, now_ns = who.signed_in, who.desk, who.desk.now_ns()
    with desk.database.writing() as connection:
        if tokens.revoke(connection, session.account.id, token_id, now_ns=now_ns):
            audit.record(
                connection,
                who.actor,
                Act.TOKEN_REVOKED,
                now_ns=now_ns,
                detail={"token": token_id},
            )


def _session(who: Visitor) -> sessions.Session:
    """The session, also one that must enrol first.

    Raises:
        VonggacError: UNAUTHENTICATED; FORBIDDEN, the password must be changed before.
    """
    if who.session is not None and who.session.stage == "enrol":
        if who.session.account.must_change:
            raise VonggacError(
                Kind.FORBIDDEN, "change the generated password first", code="must_change_password"
            )
        return who.session
    return who.signed_in


async def _sent(request: Request, act: Callable[[Visitor, dict[str, str]], Response]) -> Response:
    """Take a form: only from its own page, in a worker thread."""
    form = form_values(dict(await request.form()))

    def take() -> Response:
        who = visitor(request)
        _session(who)
        who.check_form(form)
        return act(who, form)

    return await run_in_threadpool(take)


# -- the page --------------------------------------------------------------------------------


@routes.get("/account")
def account_page(who: Annotated[Visitor, Depends(visitor)]) -> Response:
    """One's own account: what opens it, and where it is open."""
    return _page(who)


def _page(who: Visitor, *, form: Form | None = None, status: int = 200, done: str = "") -> Response:
    session, desk = who.signed_in, who.desk
    account, now_ns = session.account, desk.now_ns()
    with desk.database.reading() as connection:
        person = accounts.person(connection, account.id)
        open_now = sessions.listed(
            connection, now_ns=now_ns, account_id=account.id, rules=desk.rules
        )
        left = second_factor.recovery_codes_left(connection, account.id)
        alive = tokens.mine(connection, account.id, now_ns=now_ns)
        here = who.workstation(connection)
        on_duty = (
            workstations.on_duty(connection, here.id, now_ns=now_ns, rules=desk.rules)
            if here
            else []
        )
    return who.page(
        "account.html",
        {
            "person": person,
            "sessions": open_now,
            "factors": FACTORS,
            "codes_left": left,
            "tokens": len(alive),
            "here": here,
            "pin": next((one for one in on_duty if one.account_id == account.id), None),
            "can_set_pin": here is not None
            and session.workstation_id == here.id
            and session.factor != "pin",
            "rules": desk.rules,
            "form": form or Form(),
            "done": done,
        },
        status=status,
        section="account",
    )


@routes.post("/account/sessions")
async def sessions_send(request: Request) -> Response:
    """End one session, or all others."""
    return await _sent(request, _sessions_send)


def _sessions_send(who: Visitor, form: dict[str, str]) -> Response:
    session = who.signed_in
    wanted = form.get("session") or None
    end_sessions(who, session.account.id, wanted, but="" if wanted else session.id)
    return RedirectResponse("/signin" if wanted == session.id else "/account", 303)


# -- the second factor -----------------------------------------------------------------------


@routes.get("/account/factor")
def factor_page(who: Annotated[Visitor, Depends(visitor)]) -> Response:
    """Enrol a telephone, or another one in its place."""
    return _factor_page(who, offer_factor(who))


def _factor_page(
    who: Visitor, offer: Offer, *, faults: dict[str, str] | None = None, status: int = 200
) -> Response:
    session = _session(who)
    return who.page(
        "factor.html",
        {
            "offer": offer,
            "qr": qr(offer.address),
            "groups": [offer.secret[at : at + 4] for at in range(0, len(offer.secret), 4)],
            "form": Form(faults=faults or {}),
            "must": session.stage == "enrol",
            "has_factor": session.account.has_factor,
        },
        status=status,
        section="account",
    )


def qr(text: str) -> Markup:
    """A QR code as SVG without style or script: our content policy allows neither."""
    made = io.BytesIO()
    segno.make(text, error="m").save(
        made, kind="svg", xmldecl=False, scale=4, border=4, omitsize=True, svgclass="qr",
        lineclass=None,
    )  # fmt: skip
    return Markup(made.getvalue().decode())  # noqa: S704 - figures only: segno encoded the text


@routes.post("/account/factor")
async def factor_send(request: Request) -> Response:
    """Take the first code of a telephone; answers with the recovery codes, once."""
    return await _sent(request, _factor_send)


def _factor_send(who: Visitor, form: dict[str, str]) -> Response:
    session, desk = _session(who), who.desk
    sealed = form.get("sealed", "")
    secret = _offered(who, sealed)
    offer = Offer(secret.reveal(), second_factor.address_of(secret, session.account.name), sealed)
    desk.sign_in_limit.take(who.line)
    if session.account.has_factor and not _proves(
        who, form.get("current", ""), Act.FACTOR_ENROLLED
    ):
        said = who.t(FAULTS["current_wrong"])
        return _factor_page(who, offer, faults={"current": said}, status=422)
    try:
        codes = enrol_factor(who, sealed, form.get("code", ""))
    except VonggacError as error:
        if error.detail.get("fault") != "code_wrong":
            raise
        said = who.t(FAULTS["code_wrong"])
        return _factor_page(who, offer, faults={"code": said}, status=422)
    return _codes_page(who, codes)


def _proves(who: Visitor, code: str, act: Act) -> bool:
    """Whether the visitor holds the enrolled telephone, or a recovery code; it is used up.

    A wrong one is a row of what was asked for.

    Raises:
        accounts.Locked: too many wrong ones.
    """
    account, desk, now_ns = who.signed_in.account, who.desk, who.desk.now_ns()
    with desk.database.writing() as connection:
        attempt = accounts.begin_attempt(
            connection, account.name, now_ns=now_ns, address=who.address, rules=desk.rules
        )
    with desk.database.writing() as connection:
        found = second_factor.take(connection, desk.box, account.id, code, now_ns=now_ns)
        if found is not None:
            accounts.forgive(connection, attempt)
    if found is None:
        entrance.not_proven(who, act, attempt.tries_left)
    return found is not None


def _codes_page(who: Visitor, codes: list[str]) -> Response:
    return who.page("recovery.html", {"codes": codes}, section="account")


@routes.post("/account/recovery")
async def recovery_send(request: Request) -> Response:
    """Make new recovery codes in the place of the old; asks for a code of the telephone."""
    return await _sent(request, _recovery_send)


def _recovery_send(who: Visitor, form: dict[str, str]) -> Response:
    session, desk, now_ns = who.signed_in, who.desk, who.desk.now_ns()
    desk.sign_in_limit.take(who.line)
    if not session.account.has_factor or not _proves(
        who, form.get("current", ""), Act.RECOVERY_CODES
    ):
        said = who.t(FAULTS["current_wrong"])
        return _page(who, form=Form(faults={"current": said}), status=422)
    with desk.database.writing() as connection:
        codes = second_factor.new_recovery_codes(connection, session.account.id, now_ns=now_ns)
        audit.record(
            connection, who.actor, Act.RECOVERY_CODES, now_ns=now_ns, thing=session.account.name
        )
    return _codes_page(who, codes)


# -- the PIN ---------------------------------------------------------------------------------


@routes.post("/account/pin")
async def pin_send(request: Request) -> Response:
    """Choose a PIN for this machine and this shift, or take it back."""
    return await _sent(request, _pin_send)


def _pin_send(who: Visitor, form: dict[str, str]) -> Response:
    session, desk, now_ns = who.signed_in, who.desk, who.desk.now_ns()
    with desk.database.reading() as connection:
        here = who.workstation(connection)
    if here is None or session.workstation_id != here.id:
        return _pin_fault(who, "not_full")
    if form.get("do") == "forget":
        with desk.database.writing() as connection:
            workstations.forget_pin(connection, here.id, session.account.id)
            _pin_row(connection, who, here, forgotten=True)
        return RedirectResponse("/account", 303)
    pin = form.get("pin", "")
    try:
        until_ns = workstations.shift_ends_ns(session, desk.rules)
    except VonggacError:
        return _pin_fault(who, "not_full")
    if pin != form.get("pin_again", ""):
        return _pin_fault(who, "pin_differs")
    fault = workstations.pin_fault(pin, desk.rules)
    if fault is not None:
        return _pin_fault(who, fault)
    with entrance.room(desk):
        kept = accounts.hashed(pin)
    with desk.database.writing() as connection:
        workstations.set_pin(
            connection, here.id, session.account.id, kept, until_ns=until_ns, now_ns=now_ns
        )
        _pin_row(connection, who, here)
    return RedirectResponse("/account#pin", 303)


def _pin_row(
    connection: Connection, who: Visitor, here: workstations.Workstation, **more: object
) -> None:
    audit.record(
        connection,
        who.actor,
        Act.PIN_SET,
        now_ns=who.desk.now_ns(),
        thing=who.actor.name,
        detail={"workstation": here.title, **more},
    )


def _pin_fault(who: Visitor, fault: str) -> Response:
    said = who.t(FAULTS[fault], least=who.desk.rules.pin_length)
    return _page(who, form=Form(faults={"pin": said}), status=422)


# -- tokens ----------------------------------------------------------------------------------


@routes.get("/account/tokens")
def tokens_page(who: Annotated[Visitor, Depends(visitor)]) -> Response:
    """One's tokens for programs."""
    return _tokens_page(who)


def _tokens_page(
    who: Visitor,
    *,
    form: Form | None = None,
    value: str = "",
    chosen: Iterable[str] = (),
    status: int = 200,
) -> Response:
    session, desk, now_ns = who.signed_in, who.desk, who.desk.now_ns()
    with desk.database.reading() as connection:
        alive = tokens.mine(connection, session.account.id, now_ns=now_ns)
    values: dict[str, Any] = {
        "tokens": alive,
        "scopes": SCOPES,
        "chosen": list(chosen),
        "form": form or Form(values={"days": min(90, desk.rules.token_days)}),
        "value": value,
        "most": desk.rules.token_days,
    }
    return who.page("tokens.html", values, status=status, section="account")


@routes.post("/account/tokens")
async def tokens_send(request: Request) -> Response:
    """Make a token, shown once; or take one back."""
    sent = await request.form()
    scopes = [value for value in sent.getlist("scopes") if isinstance(value, str)]

    def act(who: Visitor, form: dict[str, str]) -> Response:
        return _tokens_send(who, form, scopes)

    return await _sent(request, act)


def _tokens_send(who: Visitor, form: dict[str, str], scopes: list[str]) -> Response:
    if form.get("do") == "revoke":
        revoke_token(who, form.get("token", ""))
        return RedirectResponse("/account/tokens", 303)
    days = form.get("days", "")
    try:
        _, value = make_token(
            who,
            form.get("title", ""),
            scopes,
            int(days) if days.isdecimal() and len(days) < 5 else 0,
        )
    except VonggacError as error:
        fault = error.detail.get("fault")
        if fault not in FAULTS:
            raise
        said = who.t(FAULTS[str(fault)], most=who.desk.rules.token_days)
        typed = Form(values=form, faults={str(fault): said})
        return _tokens_page(who, form=typed, chosen=scopes, status=422)
    return _tokens_page(who, value=value)
