"""The part of the API that is about oneself: sessions, the second factor, tokens; and displays.

Whoever carries a token instead of a session is refused here: what opens doors is changed by people.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from vonggac import keys
from vonggac.clock import NS, rfc3339
from vonggac.domain import accounts, audit, sessions, tokens
from vonggac.domain.audit import Act
from vonggac.errors import Kind, VonggacError
from vonggac.web import account, entrance, workplaces
from vonggac.web.desk import SESSION_COOKIE, Visitor, visitor

routes = APIRouter(prefix="/api/v1")

Signed = Annotated[Visitor, Depends(visitor)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SignInBody(_Body):
    """Who signs in."""

    user: str = Field(max_length=100)
    password: str = Field(max_length=1000)
    code: str = Field(
        default="", max_length=100, description="of the second factor, or a recovery code"
    )


class PasswordBody(_Body):
    """A change of password."""

    current: str = Field(max_length=1000)
    new: str = Field(max_length=1000)


class FactorBody(_Body):
    """The first code of a second factor."""

    sealed: str = Field(max_length=1000, description="as `POST` gave it")
    code: str = Field(max_length=20)


class TokenBody(_Body):
    """A token as it should be."""

    title: str = Field(max_length=100, description="what it is for")
    scopes: list[Literal["read", "pictures", "manage"]] = Field(min_length=1, max_length=3)
    days: int = Field(description="until it ends")


class PersonBody(_Body):
    """Who takes over at a workstation."""

    account: str = Field(max_length=64, description="id, as `GET` lists it")
    pin: str = Field(max_length=20)


class ShownBody(_Body):
    """What a display is about to show."""

    nkey: str = Field(max_length=100, description="public key of a NATS user, made by the browser")
    cameras: list[str] = Field(min_length=1, max_length=keys.VIEWER_CAMERAS)
    streams: list[Literal["main", "sub"]] = Field(min_length=1, max_length=2)
    purpose: Literal["display"]


# -- sessions --------------------------------------------------------------------------------


@routes.post("/session", summary="Sign in")
async def sign_in(request: Request, body: SignInBody) -> Response:
    """Open a session; the cookie comes with the answer."""
    return await run_in_threadpool(_sign_in, request, body)


def _sign_in(request: Request, body: SignInBody) -> Response:
    who = visitor(request)
    who.desk.sign_in_limit.take(who.line)
    try:
        found = entrance.sign_in(
            who.desk, body.user, body.password, entrance.caller_of(who), code=body.code
        )
    except accounts.Locked as locked:
        wait_s = max(1, (locked.until_ns - who.desk.now_ns()) // NS)
        raise VonggacError(locked.kind, locked.message, retry_s=wait_s) from locked
    if found.token is None:
        raise _refusal(found)
    entrance.leave(request, who.desk)
    return _opened(who, found.token)


def _refusal(found: entrance.SignIn) -> VonggacError:
    left = max(0, found.tries_left)
    match found.refused:
        case "code":
            return VonggacError(
                Kind.UNAUTHENTICATED,
                "a code of the second factor is needed besides",
                code="second_factor",
                tries_left=left,
            )
        case "code_wrong":
            return VonggacError(
                Kind.UNAUTHENTICATED,
                "the code is wrong, or was used before",
                code="second_factor",
                tries_left=left,
            )
        case "closed" | "idle":
            return VonggacError(
                Kind.FORBIDDEN, "this account is closed; an administrator opens it", code="closed"
            )
        case "outside":
            return VonggacError(
                Kind.FORBIDDEN,
                "from outside a second factor is needed, and it is enrolled from inside",
                code="outside",
            )
    return VonggacError(Kind.UNAUTHENTICATED, "wrong user or password", tries_left=left)


def _opened(who: Visitor, token: str) -> Response:
    desk = who.desk
    with desk.database.reading() as connection:
        session = sessions.find_session(connection, token, now_ns=desk.now_ns(), rules=desk.rules)
    assert session is not None, "just opened"
    response = JSONResponse(_session(session))
    entrance.set_session_cookie(response, token, desk)
    return response


@routes.get("/session", summary="Who am I")
def session_of(who: Signed) -> dict[str, Any]:
    """The session of the request's cookie."""
    return _session(_any(who))


@routes.delete("/session", summary="Sign out", status_code=204)
def sign_out(request: Request, who: Signed) -> Response:
    """End the session."""
    response = Response(status_code=204)
    response.delete_cookie(SESSION_COOKIE, path="/")
    if who.session is not None:
        with who.desk.database.writing() as connection:
            now_ns = who.desk.now_ns()
            sessions.end_session(connection, request.cookies[SESSION_COOKIE], now_ns=now_ns)
            audit.record(connection, who.actor, Act.SIGN_OUT, now_ns=now_ns)
    return response


@routes.put("/session/password", summary="Change one's password")
async def change_password(request: Request, body: PasswordBody) -> Response:
    """Change the password; every other session of the account ends."""
    return await run_in_threadpool(_change_password, request, body)


def _change_password(request: Request, body: PasswordBody) -> Response:
    who = visitor(request)
    _any(who)
    fault = entrance.change_password(who, current=body.current, new=body.new, again=body.new)
    if fault is not None:
        field, code = fault
        raise VonggacError(
            Kind.BAD_INPUT, f"{field}: {code.replace('_', ' ')}", fields={field: code}
        )
    return _opened(who, entrance.new_session(who))


@routes.post("/session/second-factor", summary="Begin to enrol a second factor")
def begin_factor(who: Signed) -> dict[str, Any]:
    """A new secret, as text and as the address that applications read; nothing is kept yet."""
    _any(who)
    offer = account.offer_factor(who)
    return {"secret": offer.secret, "uri": offer.address, "sealed": offer.sealed}


@routes.put("/session/second-factor", summary="Enrol a second factor")
def enrol_factor(who: Signed, body: FactorBody) -> dict[str, Any]:
    """Keep the secret whose code of this moment is given; the recovery codes are told once."""
    session = _any(who)
    if session.account.has_factor:
        raise VonggacError(
            Kind.CONFLICT, "one is enrolled; it is replaced in the browser, by its own code"
        )
    return {"recovery_codes": account.enrol_factor(who, body.sealed, body.code)}


def _any(who: Visitor) -> sessions.Session:
    """The session, also one that still has to change its password or to enrol.

    Raises:
        VonggacError: UNAUTHENTICATED.
    """
    if who.session is None:
        raise VonggacError(Kind.UNAUTHENTICATED, "sign in first (POST /api/v1/session)")
    return who.session


def _session(session: sessions.Session) -> dict[str, Any]:
    return {
        "user": session.account.name,
        "role": session.account.role,
        "must_change_password": session.account.must_change,
        "must_enrol_second_factor": session.stage == "enrol",
        "csrf_token": session.form_token,
        "expires": rfc3339(session.expires_ns),
    }


@routes.get("/sessions", summary="One's own sessions")
def own_sessions(who: Signed) -> dict[str, Any]:
    """Every browser that is signed in with this account now."""
    session = who.signed_in
    desk = who.desk
    with desk.database.reading() as connection:
        found = sessions.listed(
            connection, now_ns=desk.now_ns(), account_id=session.account.id, rules=desk.rules
        )
    return {
        "sessions": [
            {
                "id": one.id,
                "is_this": one.id == session.id,
                "began": rfc3339(one.began_ns),
                "seen": rfc3339(one.seen_ns),
                "expires": rfc3339(one.expires_ns),
                "address": one.address,
                "agent": one.agent,
                "opened_with": one.factor,
                "workstation": one.workstation,
            }
            for one in found
        ]
    }


@routes.delete("/sessions/{session_id}", summary="End one of one's sessions", status_code=204)
def end_session(who: Signed, session_id: str) -> Response:
    """End it at once; harmless when it is over already."""
    account.end_sessions(who, who.signed_in.account.id, session_id)
    return Response(status_code=204)


# -- tokens ----------------------------------------------------------------------------------


@routes.get("/tokens", summary="One's own tokens")
def own_tokens(who: Signed) -> dict[str, Any]:
    """Every token that is alive; their values were told once."""
    session, desk = who.signed_in, who.desk
    with desk.database.reading() as connection:
        found = tokens.mine(connection, session.account.id, now_ns=desk.now_ns())
    return {"tokens": [_token(one) for one in found]}


@routes.post("/tokens", summary="Make a token", status_code=201)
def make_token(who: Signed, body: TokenBody) -> dict[str, Any]:
    """A token for a program: `Authorization: Bearer <value>`. Its value is told this once."""
    token, value = account.make_token(who, body.title, body.scopes, body.days)
    return {**_token(token), "value": value}


@routes.delete("/tokens/{token_id}", summary="Take a token back", status_code=204)
def revoke_token(who: Signed, token_id: str) -> Response:
    """It opens nothing from now on."""
    account.revoke_token(who, token_id)
    return Response(status_code=204)


def _token(token: tokens.Token) -> dict[str, Any]:
    return {
        "id": token.id,
        "title": token.title,
        "scopes": list(token.scopes),
        "created": rfc3339(token.created_ns),
        "expires": rfc3339(token.expires_ns),
        "used": None if token.used_ns is None else rfc3339(token.used_ns),
    }


# -- workstations and displays ---------------------------------------------------------------


@routes.get("/workstation", summary="Who may take over at this machine")
def workstation(who: Signed) -> dict[str, Any]:
    """The enrolled machine that asks, and the persons whose PIN works at it now."""
    who.signed_in  # noqa: B018 - refuses who may not look
    here, persons = workplaces.on_duty(who)
    return {
        "title": None if here is None else here.title,
        "people": [
            {"account": one.account_id, "user": one.name, "name": one.full_name or one.name}
            for one in persons
        ],
    }


@routes.post("/workstation/person", summary="Change the person at this machine by PIN")
def change_person(who: Signed, body: PersonBody) -> Response:
    """End the present person's session here and open the next one's; the wall plays on."""
    who.signed_in  # noqa: B018
    who.desk.sign_in_limit.take(who.line)
    changed = workplaces.change_person(who, body.account, body.pin)
    if changed.token is None:
        raise VonggacError(Kind.UNAUTHENTICATED, "wrong PIN", tries_left=max(0, changed.tries_left))
    return _opened(who, changed.token)


@routes.post("/display/grants", summary="Permission to show a display's cameras for two minutes")
def display_grant(request: Request, body: ShownBody) -> dict[str, Any]:
    """For the screen of a display: exactly its cameras. It counts as shown, never as watched."""
    return workplaces.display_grant(
        request, nkey=body.nkey, cameras=body.cameras, streams=body.streams
    )
