"""Signing in and out, the first change of password, the language."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from vonggac.domain import accounts, audit, sessions
from vonggac.domain.audit import Act, Actor
from vonggac.errors import Kind, VonggacError
from vonggac.web import words
from vonggac.web.desk import LANGUAGE_COOKIE, SESSION_COOKIE, Desk, Visitor, visitor
from vonggac.web.render import YEAR_S, Form, form_values

if TYPE_CHECKING:
    from collections.abc import Iterator

routes = APIRouter(include_in_schema=False)

PASSWORD_FAULTS = {
    "password_too_short": "Mật khẩu phải có ít nhất {least} ký tự.",
    "password_too_long": "Mật khẩu quá dài.",
    "password_too_plain": (
        "Mật khẩu quá dễ đoán: dùng nhiều ký tự khác nhau và không chứa tên đăng nhập."
    ),
    "password_unchanged": "Mật khẩu mới phải khác mật khẩu cũ.",
    "password_differs": "Hai lần nhập không giống nhau.",
    "password_wrong": "Mật khẩu hiện tại không đúng.",
}
"""What is said of a password that cannot be taken."""


def sign_in(desk: Desk, name: str, password: str, *, address: str, agent: str) -> SignIn:
    """Try a name and a password; for worker threads, takes about 50 ms.

    Raises:
        accounts.Locked: too many wrong ones.
        VonggacError: TOO_MANY, as many as the machine has room for are being looked at.
    """
    now_ns = desk.now_ns()
    with _room(desk):
        with desk.database.writing() as connection:
            attempt = accounts.begin_attempt(connection, name, now_ns=now_ns, address=address)
        is_right = accounts.matches(attempt, password)
    if not is_right:
        with desk.database.writing() as connection:
            audit.record(
                connection,
                Actor(attempt.name, None, address),
                Act.SIGN_IN,
                now_ns=now_ns,
                outcome="refused",
                detail={"tries_left": attempt.tries_left},
            )
        return SignIn(None, None, attempt.tries_left)
    assert attempt.account is not None, "a match has an account"
    with desk.database.writing() as connection:
        accounts.finish_attempt(connection, attempt, now_ns=now_ns)
        token = sessions.open_session(
            connection, attempt.account, address=address, agent=agent, now_ns=now_ns
        )
        audit.record(
            connection,
            Actor(attempt.account.name, attempt.account.id, address),
            Act.SIGN_IN,
            now_ns=now_ns,
            detail={"agent": agent[:200]},
        )
    return SignIn(token, attempt.account, attempt.tries_left)


@contextmanager
def _room(desk: Desk) -> Iterator[None]:
    """Room to look at one password: each takes 64 MiB and a core, and anybody may send some."""
    if not desk.hashing.acquire(blocking=False):
        raise VonggacError(
            Kind.TOO_MANY, "too many people are signing in at this moment; try again", retry_s=1
        )
    try:
        yield
    finally:
        desk.hashing.release()


class SignIn:
    """How a sign-in went.

    Args:
        token: the cookie's value, if it went well.
        account: whose, if it went well.
        tries_left: before the lock, if it did not.
    """

    def __init__(
        self, token: str | None, account: accounts.Account | None, tries_left: int
    ) -> None:
        self.token = token
        self.account = account
        self.tries_left = tries_left


def set_session_cookie(response: Response, token: str, *, secure: bool) -> None:
    """Put the session into the browser: not for scripts, not for other sites' links."""
    response.set_cookie(
        SESSION_COOKIE,
        token,
        max_age=sessions.LIFE_S,
        path="/",
        httponly=True,
        samesite="strict",
        secure=secure,
    )


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
        who.desk.sign_in_limit.take(who.address)
        found = sign_in(
            who.desk,
            name,
            password,
            address=who.address,
            agent=request.headers.get("user-agent", ""),
        )
    except accounts.Locked as locked:
        said = who.t(
            "Đã khóa đăng nhập đến {time} vì sai mật khẩu nhiều lần.",
            time=who.t.clock(locked.until_ns),
        )
        return _signin_page(who, next=goes_to, name=name, error=said, status=429)
    except VonggacError as error:
        if error.kind is not Kind.TOO_MANY:
            raise
        said = who.t(
            "Thử quá nhiều lần từ máy này. Hãy đợi {seconds} giây.",
            seconds=error.detail["retry_s"],
        )
        return _signin_page(who, next=goes_to, name=name, error=said, status=429)
    if found.token is None or found.account is None:
        if found.tries_left > 0:
            said = who.t(
                "Sai tên đăng nhập hoặc mật khẩu. Còn {tries} lần trước khi khóa {minutes} phút.",
                tries=found.tries_left,
                minutes=accounts.LOCK_S // 60,
            )
        else:
            said = who.t(
                "Sai tên đăng nhập hoặc mật khẩu. Đăng nhập bị khóa {minutes} phút.",
                minutes=accounts.LOCK_S // 60,
            )
        return _signin_page(who, next=goes_to, name=name, error=said, status=401)
    response = RedirectResponse("/password" if found.account.must_change else goes_to, 303)
    set_session_cookie(response, found.token, secure=who.desk.secure)
    return response


def _signin_page(
    who: Visitor, *, next: str, name: str = "", error: str = "", status: int = 200
) -> Response:
    return who.page("signin.html", {"next": next, "name": name, "error": error}, status=status)


@routes.get("/signin/help")
def signin_help(who: Annotated[Visitor, Depends(visitor)]) -> Response:
    """What to do when one cannot sign in."""
    return who.page("signin_help.html", {"minutes": accounts.LOCK_S // 60})


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
    agent = request.headers.get("user-agent", "")
    fault = change_password(
        who,
        current=form.get("current", ""),
        new=form.get("new", ""),
        again=form.get("again", ""),
    )
    if fault is not None:
        field, code = fault
        said = who.t(PASSWORD_FAULTS[code], least=accounts.MIN_LENGTH)
        return _password_page(who, faults={field: said}, status=422)
    account = who.session.account
    with who.desk.database.writing() as connection:
        token = sessions.open_session(
            connection, account, address=who.address, agent=agent, now_ns=who.desk.now_ns()
        )
    response = RedirectResponse("/", 303)
    set_session_cookie(response, token, secure=who.desk.secure)
    return response


def change_password(who: Visitor, *, current: str, new: str, again: str) -> tuple[str, str] | None:
    """Change the visitor's password, or say which field is at fault and why."""
    assert who.session is not None, "both callers look first"
    desk, account = who.desk, who.session.account
    if new != again:
        return "again", "password_differs"
    with _room(desk):
        with desk.database.writing() as connection:
            attempt = accounts.begin_attempt(
                connection, account.name, now_ns=desk.now_ns(), address=who.address
            )
        is_right = accounts.matches(attempt, current)
    if not is_right:
        return "current", "password_wrong"
    try:
        with desk.database.writing() as connection:
            accounts.finish_attempt(connection, attempt, now_ns=desk.now_ns())
            accounts.change_password(connection, account, new)
            audit.record(connection, who.actor, Act.PASSWORD, now_ns=desk.now_ns())
    except VonggacError as error:
        if "fault" not in error.detail:
            raise
        return "new", str(error.detail["fault"])
    return None


def _password_page(who: Visitor, *, faults: dict[str, str], status: int = 200) -> Response:
    return who.page(
        "password.html",
        {"form": Form(faults=faults), "least": accounts.MIN_LENGTH},
        status=status,
        section="password",
    )


@routes.get("/language")
def language(to: str, next: str = "/") -> Response:
    """Choose the language; kept a year."""
    goes_to = next if next.startswith(("/signin", "/password")) else inside(next)
    response = RedirectResponse(goes_to, 303)
    if to in words.LANGUAGES:
        response.set_cookie(
            LANGUAGE_COOKIE, to, max_age=YEAR_S, path="/", samesite="lax", httponly=True
        )
    return response
