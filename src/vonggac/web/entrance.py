"""Signing in and out, the second factor, the first change of password, the language."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from vonggac.clock import NS
from vonggac.domain import accounts, audit, second_factor, sessions, workstations
from vonggac.domain.audit import Act, Actor
from vonggac.errors import Kind, VonggacError
from vonggac.hub import idle
from vonggac.web import words
from vonggac.web.desk import (
    LANGUAGE_COOKIE,
    SESSION_COOKIE,
    Desk,
    Visitor,
    visitor,
)
from vonggac.web.render import YEAR_S, Form, form_values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vonggac.db import Connection

routes = APIRouter(include_in_schema=False)

PASSWORD_FAULTS = {
    "password_too_short": "Mật khẩu phải có ít nhất {least} ký tự.",
    "password_too_long": "Mật khẩu quá dài.",
    "password_too_plain": (
        "Mật khẩu quá dễ đoán: dùng nhiều ký tự khác nhau và không chứa tên đăng nhập."
    ),
    "password_not_mixed": (
        "Mật khẩu ngắn phải có chữ hoa, chữ thường, chữ số và ký tự khác; hoặc đặt một câu dài "
        "từ {long} ký tự."
    ),
    "password_used": "Mật khẩu này đã dùng. Không dùng lại {history} mật khẩu gần nhất.",
    "password_differs": "Hai lần nhập không giống nhau.",
    "password_wrong": "Mật khẩu hiện tại không đúng.",
}
"""What is said of a password that cannot be taken."""

Refused = Literal["", "wrong", "closed", "idle", "outside", "code", "code_wrong"]
"""Why a sign-in opened nothing: `code`, one is needed; `outside`, none was ever enrolled."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """How a sign-in went, or the half of one.

    With a token it went well so far: the cookie's value, for `account`, at `stage`.
    """

    token: str | None = None
    account: accounts.Account | None = None
    stage: sessions.Stage = "open"
    tries_left: int = 0
    """Before the lock, if it did not go well."""
    refused: Refused = ""


@dataclass(frozen=True, slots=True)
class Caller:
    """From where and with what somebody signs in."""

    address: str
    agent: str
    workstation_key: str = ""


def caller_of(who: Visitor) -> Caller:
    """The caller of a request."""
    return Caller(who.address, who.agent, who.workstation_key)


def sign_in(
    desk: Desk, name: str, password: str, caller: Caller, *, code: str | None = None
) -> SignIn:
    """Try a name and a password; for worker threads, takes about 50 ms.

    Args:
        desk: the collaborators.
        name: as typed.
        password: as typed.
        caller: from where.
        code: of the second factor, for programs that ask for everything at once; None opens a
            session that awaits it, where one is needed.

    Raises:
        accounts.Locked: too many wrong ones.
        VonggacError: TOO_MANY, as many as the machine has room for are being looked at.
    """
    now_ns, rules = desk.now_ns(), desk.rules
    with room(desk):
        with desk.database.writing() as connection:
            attempt = accounts.begin_attempt(
                connection, name, now_ns=now_ns, address=caller.address, rules=rules
            )
        is_right = accounts.matches(attempt, password)
    account = attempt.account
    if not is_right or account is None:
        actor = Actor(attempt.name, None, caller.address)
        return _refuse(desk, actor, "wrong", attempt.tries_left, now_ns)
    actor = Actor(account.name, account.id, caller.address)
    if attempt.closed:
        if attempt.closed == "idle":
            with desk.database.writing() as connection:
                idle.close(connection, now_ns, rules)
        why: Refused = "idle" if attempt.closed == "idle" else "closed"
        return _refuse(desk, actor, why, attempt.tries_left, now_ns)
    needed = second_factor.demand(
        rules,
        administers=account.administers,
        is_enrolled=account.has_factor,
        is_inside=desk.is_inside(caller.address),
    )
    if needed == "refuse":
        return _refuse(desk, actor, "outside", attempt.tries_left, now_ns)
    if needed == "code" and code is None:
        with desk.database.writing() as connection:
            token = sessions.open_session(
                connection,
                account,
                address=caller.address,
                agent=caller.agent,
                now_ns=now_ns,
                stage="code",
                rules=rules,
            )
        return SignIn(token, account, "code")
    if needed == "code":
        return _finish_with_code(desk, attempt, code or "", caller, now_ns)
    stage: sessions.Stage = "enrol" if needed == "enrol" else "open"
    with desk.database.writing() as connection:
        return _finish(desk, connection, attempt, caller, stage, "password", now_ns)


def enter_code(desk: Desk, awaiting: sessions.Session, code: str, caller: Caller) -> SignIn:
    """The second half of a sign-in: the code after the password. Counted like a password.

    Raises:
        accounts.Locked: too many wrong ones.
    """
    now_ns = desk.now_ns()
    with desk.database.writing() as connection:
        attempt = accounts.begin_attempt(
            connection,
            awaiting.account.name,
            now_ns=now_ns,
            address=caller.address,
            rules=desk.rules,
        )
    found = _finish_with_code(desk, attempt, code, caller, now_ns)
    if found.token is not None:
        with desk.database.writing() as connection:
            sessions.revoke(connection, awaiting.account.id, now_ns=now_ns, session_id=awaiting.id)
    return found


def _finish_with_code(
    desk: Desk, attempt: accounts.Attempt, code: str, caller: Caller, now_ns: int
) -> SignIn:
    account = attempt.account
    assert account is not None, "its password was right"
    with desk.database.writing() as connection:
        factor = second_factor.take(connection, desk.box, account.id, code, now_ns=now_ns)
        if factor is not None:
            return _finish(desk, connection, attempt, caller, "open", factor, now_ns)
    actor = Actor(account.name, account.id, caller.address)
    why: Refused = "code_wrong" if code else "code"
    return _refuse(desk, actor, why, attempt.tries_left, now_ns)


def _finish(
    desk: Desk,
    connection: Connection,
    attempt: accounts.Attempt,
    caller: Caller,
    stage: sessions.Stage,
    factor: sessions.Factor,
    now_ns: int,
) -> SignIn:
    """Open the session; at a workstation the person's PIN works for another shift."""
    rules = desk.rules
    account = accounts.finish_attempt(connection, attempt, now_ns=now_ns, rules=rules)
    here = (
        workstations.workstation_of(connection, caller.workstation_key)
        if caller.workstation_key
        else None
    )
    if here is not None and stage == "open":
        until_ns = now_ns + rules.shift_hours * 3600 * NS
        workstations.arm_pin(connection, here.id, account.id, until_ns=until_ns)
    token = sessions.open_session(
        connection,
        account,
        address=caller.address,
        agent=caller.agent,
        now_ns=now_ns,
        stage=stage,
        factor=factor,
        workstation_id=here.id if here else None,
        rules=rules,
    )
    audit.record(
        connection,
        Actor(account.name, account.id, caller.address),
        Act.SIGN_IN,
        now_ns=now_ns,
        detail={
            "agent": caller.agent[:200],
            "with": factor,
            "at": here.title if here else None,
        },
    )
    return SignIn(token, account, stage)


def _refuse(desk: Desk, actor: Actor, why: Refused, tries_left: int, now_ns: int) -> SignIn:
    with desk.database.writing() as connection:
        audit.record(
            connection,
            actor,
            Act.SIGN_IN,
            now_ns=now_ns,
            outcome="refused",
            detail={"tries_left": tries_left, "why": why},
        )
    return SignIn(tries_left=tries_left, refused=why)


@contextmanager
def room(desk: Desk) -> Iterator[None]:
    """Room to look at one password: each takes 64 MiB and a core, and anybody may send some."""
    if not desk.hashing.acquire(blocking=False):
        raise VonggacError(
            Kind.TOO_MANY, "too many people are signing in at this moment; try again", retry_s=1
        )
    try:
        yield
    finally:
        desk.hashing.release()


def set_session_cookie(response: Response, token: str, desk: Desk) -> None:
    """Put the session into the browser."""
    set_cookie(response, SESSION_COOKIE, token, desk, life_s=desk.rules.session_hours * 3600)


def set_cookie(response: Response, name: str, value: str, desk: Desk, *, life_s: int) -> None:
    """Put a secret into the browser: not for scripts, not for other sites' links."""
    response.set_cookie(
        name,
        value,
        max_age=life_s,
        path="/",
        httponly=True,
        samesite="strict",
        secure=desk.secure,
    )


def leave(request: Request, desk: Desk) -> None:
    """End the session whose cookie is about to be replaced: nobody could sign out of it."""
    token = request.cookies.get(SESSION_COOKIE, "")
    if 0 < len(token) < 100:
        with desk.database.writing() as connection:
            sessions.end_session(connection, token, now_ns=desk.now_ns())


def inside(target: str) -> str:
    """A path of ours to go on to; anything else becomes the first page."""
    parts = urlsplit(target)
    fine = (
        target.startswith("/")
        and not target.startswith(("//", "/\\"))
        and not parts.netloc
        and not parts.path.startswith(("/signin", "/signout", "/api", "/password"))
        and "\\" not in target
        and len(target) < 1000
    )
    return target if fine else "/"


@routes.get("/signin")
def signin_form(who: Annotated[Visitor, Depends(visitor)], next: str = "/") -> Response:
    """The sign-in page."""
    if who.session is not None:
        return RedirectResponse(inside(next), 303)
    return _signin_page(who, next=inside(next))


@routes.post("/signin")
async def signin_send(request: Request) -> Response:
    """Take a name and a password."""
    form = form_values(dict(await request.form()))
    return await run_in_threadpool(_signin_send, request, form)


def _signin_send(request: Request, form: dict[str, str]) -> Response:
    who = visitor(request)
    name, password = form.get("name", ""), form.get("password", "")
    goes_to = inside(form.get("next", "/"))
    try:
        who.desk.sign_in_limit.take(who.line)
        found = sign_in(who.desk, name, password, caller_of(who))
    except VonggacError as error:
        said = too_many_words(who, error)
        return _signin_page(who, next=goes_to, name=name, error=said, status=429)
    if found.token is None or found.account is None:
        status = 401 if found.refused == "wrong" else 403
        return _signin_page(
            who, next=goes_to, name=name, error=_refused_words(who, found), status=status
        )
    leave(request, who.desk)
    response = RedirectResponse(_onward(found, goes_to), 303)
    if found.stage == "code":
        set_cookie(response, SESSION_COOKIE, found.token, who.desk, life_s=sessions.CODE_S)
        set_cookie(response, NEXT_COOKIE, goes_to, who.desk, life_s=sessions.CODE_S)
    else:
        set_session_cookie(response, found.token, who.desk)
    return response


NEXT_COOKIE = "vg_next"
"""Where one wanted to go, while the second factor is asked for."""


def _onward(found: SignIn, goes_to: str) -> str:
    assert found.account is not None, "it went well"
    if found.stage == "code":
        return "/signin/code"
    if found.account.must_change:
        return "/password"
    return "/account/factor" if found.stage == "enrol" else goes_to


def too_many_words(who: Visitor, error: VonggacError) -> str:
    """What is said of a try that was not looked at.

    Raises:
        VonggacError: the one given, if it is another.
    """
    if isinstance(error, accounts.Locked):
        return who.t(
            "Đã khóa đăng nhập đến {time} vì sai mật khẩu nhiều lần.",
            time=who.t.clock(error.until_ns),
        )
    if error.kind is not Kind.TOO_MANY:
        raise error
    return who.t(
        "Thử quá nhiều lần từ máy này. Hãy đợi {seconds} giây.", seconds=error.detail["retry_s"]
    )


def _refused_words(who: Visitor, found: SignIn) -> str:
    t, rules = who.t, who.desk.rules
    minutes = rules.lock_s // 60
    match found.refused:
        case "closed":
            return t("Tài khoản này đã bị khóa. Hãy hỏi quản trị.")
        case "idle":
            return t(
                "Tài khoản bị khóa vì {days} ngày không đăng nhập. Quản trị mở lại được.",
                days=rules.idle_days,
            )
        case "outside":
            return t(
                "Từ ngoài mạng nội bộ phải có mã xác thực. Hãy đăng nhập trong mạng nội bộ một "
                "lần để đăng ký."
            )
        case "code" | "code_wrong":
            if found.tries_left > 0:
                return t(
                    "Mã không đúng hoặc đã dùng. Còn {tries} lần trước khi khóa {minutes} phút.",
                    tries=found.tries_left,
                    minutes=minutes,
                )
            return t(
                "Mã không đúng hoặc đã dùng. Đăng nhập bị khóa {minutes} phút.", minutes=minutes
            )
    if found.tries_left > 0:
        return t(
            "Sai tên đăng nhập hoặc mật khẩu. Còn {tries} lần trước khi khóa {minutes} phút.",
            tries=found.tries_left,
            minutes=minutes,
        )
    return t("Sai tên đăng nhập hoặc mật khẩu. Đăng nhập bị khóa {minutes} phút.", minutes=minutes)


def _signin_page(
    who: Visitor, *, next: str, name: str = "", error: str = "", status: int = 200
) -> Response:
    return who.page("signin.html", {"next": next, "name": name, "error": error}, status=status)


@routes.get("/signin/code")
def code_form(request: Request, who: Annotated[Visitor, Depends(visitor)]) -> Response:
    """The page that asks for the second factor."""
    if who.session is not None or _awaiting(request, who) is None:
        return RedirectResponse("/signin", 303)
    return who.page("signin_code.html", {"error": ""})


@routes.post("/signin/code")
async def code_send(request: Request) -> Response:
    """Take the second factor: six figures, or a recovery code."""
    form = form_values(dict(await request.form()))
    return await run_in_threadpool(_code_send, request, form)


def _code_send(request: Request, form: dict[str, str]) -> Response:
    who = visitor(request)
    awaiting = _awaiting(request, who)
    if awaiting is None:
        return RedirectResponse("/signin", 303)
    try:
        who.desk.sign_in_limit.take(who.line)
        found = enter_code(who.desk, awaiting, form.get("code", ""), caller_of(who))
    except VonggacError as error:
        said = too_many_words(who, error)
        return who.page("signin_code.html", {"error": said}, status=429)
    if found.token is None:
        said = _refused_words(who, found)
        return who.page("signin_code.html", {"error": said}, status=401)
    response = RedirectResponse(_onward(found, inside(request.cookies.get(NEXT_COOKIE, "/"))), 303)
    response.delete_cookie(NEXT_COOKIE, path="/")
    set_session_cookie(response, found.token, who.desk)
    return response


def _awaiting(request: Request, who: Visitor) -> sessions.Session | None:
    token = request.cookies.get(SESSION_COOKIE, "")
    if not 0 < len(token) < 100:
        return None
    desk = who.desk
    with desk.database.reading() as connection:
        return sessions.find_awaiting(connection, token, now_ns=desk.now_ns(), rules=desk.rules)


@routes.get("/signin/help")
def signin_help(who: Annotated[Visitor, Depends(visitor)]) -> Response:
    """What to do when one cannot sign in."""
    return who.page("signin_help.html", {"minutes": who.desk.rules.lock_s // 60})


@routes.post("/signout")
async def signout(request: Request) -> Response:
    """End the session."""
    form = form_values(dict(await request.form()))
    return await run_in_threadpool(_signout, request, form)


def _signout(request: Request, form: dict[str, str]) -> Response:
    who = visitor(request)
    response = RedirectResponse("/signin", 303)
    response.delete_cookie(SESSION_COOKIE, path="/")
    if who.session is None:
        return response
    who.check_form(form)
    now_ns = who.desk.now_ns()
    with who.desk.database.writing() as connection:
        sessions.end_session(connection, request.cookies[SESSION_COOKIE], now_ns=now_ns)
        audit.record(connection, who.actor, Act.SIGN_OUT, now_ns=now_ns)
    return response


@routes.get("/password")
def password_form(who: Annotated[Visitor, Depends(visitor)]) -> Response:
    """The page that changes a password; the only one open to a generated password."""
    if who.session is None:
        return RedirectResponse("/signin", 303)
    return _password_page(who, faults={})


@routes.post("/password")
async def password_send(request: Request) -> Response:
    """Take a new password; every session of the account ends and this browser gets a new one."""
    form = form_values(dict(await request.form()))
    return await run_in_threadpool(_password_send, request, form)


def _password_send(request: Request, form: dict[str, str]) -> Response:
    who = visitor(request)
    if who.session is None:
        return RedirectResponse("/signin", 303)
    who.check_form(form)
    try:
        fault = change_password(
            who,
            current=form.get("current", ""),
            new=form.get("new", ""),
            again=form.get("again", ""),
        )
    except VonggacError as error:
        return _password_page(who, faults={"current": too_many_words(who, error)}, status=429)
    if fault is not None:
        field, code = fault
        rules = who.desk.rules
        said = who.t(
            PASSWORD_FAULTS[code],
            least=_least(who),
            long=rules.mixed_below,
            history=rules.history,
        )
        return _password_page(who, faults={field: said}, status=422)
    enrols = who.session.stage == "enrol"
    response = RedirectResponse("/account/factor" if enrols else "/", 303)
    set_session_cookie(response, new_session(who), who.desk)
    return response


def new_session(who: Visitor) -> str:
    """A session in the place of the visitor's, which its new password ended."""
    before = who.session
    assert before is not None, "callers look first"
    with who.desk.database.writing() as connection:
        return sessions.open_session(
            connection,
            before.account,
            address=who.address,
            agent=who.agent,
            now_ns=who.desk.now_ns(),
            stage=before.stage,
            factor=before.factor,
            workstation_id=before.workstation_id,
            rules=who.desk.rules,
        )


def change_password(who: Visitor, *, current: str, new: str, again: str) -> tuple[str, str] | None:
    """Change the visitor's password, or say which field is at fault and why.

    Raises:
        accounts.Locked: too many wrong ones.
        VonggacError: TOO_MANY.
    """
    assert who.session is not None, "both callers look first"
    desk, account, rules = who.desk, who.session.account, who.desk.rules
    if new != again:
        return "again", "password_differs"
    now_ns = desk.now_ns()
    with room(desk):
        with desk.database.writing() as connection:
            attempt = accounts.begin_attempt(
                connection, account.name, now_ns=now_ns, address=who.address, rules=rules
            )
        if not accounts.matches(attempt, current):
            not_proven(who, Act.PASSWORD, attempt.tries_left)
            return "current", "password_wrong"
        with desk.database.writing() as connection:
            accounts.forgive(connection, attempt)
        fault = accounts.password_fault(
            new, account.name, has_factor=account.has_factor, rules=rules
        )
        if fault is not None:
            return "new", fault
        with desk.database.reading() as connection:
            past = accounts.past_hashes(connection, account.id, rules=rules)
        if accounts.is_same(new, past):
            return "new", "password_used"
        kept = accounts.hashed(new)
    with desk.database.writing() as connection:
        accounts.set_password(connection, account.id, kept, now_ns=now_ns, rules=rules)
        audit.record(connection, who.actor, Act.PASSWORD, now_ns=now_ns)
    return None


def not_proven(who: Visitor, act: Act, tries_left: int) -> None:
    """Write down that a change of one's own account was asked for without its proof."""
    desk = who.desk
    with desk.database.writing() as connection:
        audit.record(
            connection,
            who.actor,
            act,
            now_ns=desk.now_ns(),
            thing=who.actor.name,
            outcome="refused",
            detail={"tries_left": tries_left, "why": "wrong"},
        )


def _least(who: Visitor) -> int:
    assert who.session is not None, "callers look first"
    rules = who.desk.rules
    has_factor = who.session.account.has_factor
    return rules.min_length_with_factor if has_factor else rules.min_length


def _password_page(who: Visitor, *, faults: dict[str, str], status: int = 200) -> Response:
    assert who.session is not None, "callers look first"
    rules = who.desk.rules
    with who.desk.database.reading() as connection:
        person = accounts.person(connection, who.session.account.id)
    since_ns = person.password_set_ns or person.created_ns
    days = rules.administrator_password_days
    return who.page(
        "password.html",
        {
            "form": Form(faults=faults),
            "least": _least(who),
            "long": rules.mixed_below,
            "history": rules.history,
            "days": days,
            "has_expired": bool(days)
            and person.administers
            and since_ns < who.desk.now_ns() - days * accounts.DAY_NS,
        },
        status=status,
        section="password",
    )


@routes.get("/language")
def language(to: str, next: str = "/") -> Response:
    """Choose the language; kept a year."""
    goes_to = next if next.startswith(("/signin", "/password", "/display")) else inside(next)
    response = RedirectResponse(goes_to, 303)
    if to in words.LANGUAGES:
        response.set_cookie(
            LANGUAGE_COOKIE, to, max_age=YEAR_S, path="/", samesite="lax", httponly=True
        )
    return response
