"""The second factor: codes of six figures from a telephone (RFC 6238), and codes for its loss.

The secret is sealed with the hub's key and bound to its account. A code is taken once: the time
step of the last one is kept, and nothing up to it opens again.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from typing import TYPE_CHECKING, Literal

import pyotp
import sqlalchemy as sa

from vonggac.clock import NS
from vonggac.config import Secret
from vonggac.db import Connection, tables
from vonggac.domain.ids import new_password
from vonggac.errors import Kind, VonggacError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vonggac.config import SignInConfig
    from vonggac.domain.accounts import Account
    from vonggac.keys import Box

STEP_S = 30
"""Seconds of a time step; RFC 6238 section 5.2 recommends it and every application assumes it."""
SKEW_STEPS = 1
"""Steps before and after the present one that are taken: RFC 6238 section 5.2, for slow hands."""
DIGITS = 6
RECOVERY_CODES = 10
"""Codes that are shown at once (ours)."""
ISSUER = "Vọng Gác"

Demand = Literal["none", "code", "enrol", "refuse"]
"""What a right password leads to: in, a code, enrolment, or nowhere."""


def demand(rules: SignInConfig, *, administers: bool, is_enrolled: bool, is_inside: bool) -> Demand:
    """What is asked for besides a right password.

    Whoever has enrolled is always asked. Nobody enrols from outside: a password alone would then
    open from everywhere.
    """
    if is_enrolled:
        return "code"
    if not is_inside:
        return "refuse"
    must = rules.second_factor == "everyone" or (
        rules.second_factor == "administrators" and administers
    )
    return "enrol" if must else "none"


def is_inside(address: str, networks: Iterable[str], *, behind_proxy: bool) -> bool:
    """Whether a request comes from inside.

    Args:
        address: of the peer, as the connection or a proxy on this machine says it.
        networks: CIDRs; checked when the configuration was read.
        behind_proxy: this machine's own address may be a proxy that did not say for whom it asks.
    """
    try:
        peer = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(peer, ipaddress.IPv6Address) and peer.ipv4_mapped is not None:
        peer = peer.ipv4_mapped
    if behind_proxy and peer.is_loopback:
        return False
    return any(peer in ipaddress.ip_network(one) for one in networks)


# -- enrolling -------------------------------------------------------------------------------


def new_secret() -> Secret:
    """160 random bits in base32, as RFC 4226 section 4 (R6) recommends."""
    return Secret(pyotp.random_base32(32))


def address_of(secret: Secret, account_name: str) -> str:
    """The otpauth address that a telephone's camera reads."""
    return pyotp.TOTP(secret.reveal()).provisioning_uri(name=account_name, issuer_name=ISSUER)


def enrol(
    connection: Connection, box: Box, account: Account, secret: Secret, code: str, *, now_ns: int
) -> list[str]:
    """Keep a secret whose first code was right, in the place of any before it.

    Returns:
        New recovery codes, to be shown once.

    Raises:
        VonggacError: BAD_INPUT, the code is not one of this secret now.
    """
    step = step_of(secret, code, now_ns)
    if step is None:
        raise VonggacError(
            Kind.BAD_INPUT, "this is not the code of this moment", fault="code_wrong"
        )
    connection.execute(
        tables.account.update()
        .where(tables.account.c.id == account.id)
        .values(
            factor_sealed=box.lock(secret, f"factor {account.id}"),
            factor_since_ns=now_ns,
            factor_step=step,
        )
    )
    connection.execute(
        tables.session.update()
        .where(
            tables.session.c.account_id == account.id,
            tables.session.c.stage == "enrol",
            tables.session.c.ended_ns.is_(None),
        )
        .values(stage="open", factor="totp")
    )
    return new_recovery_codes(connection, account.id, now_ns=now_ns)


def remove(connection: Connection, account_id: str) -> None:
    """Forget an account's second factor and its recovery codes.

    A password that was short because of it must be changed.
    """
    connection.execute(
        tables.account.update()
        .where(tables.account.c.id == account_id)
        .values(factor_sealed=None, factor_since_ns=None, factor_step=None, must_change=True)
    )
    connection.execute(
        tables.recovery_code.delete().where(tables.recovery_code.c.account_id == account_id)
    )


# -- codes -----------------------------------------------------------------------------------


def step_of(secret: Secret, code: str, now_ns: int) -> int | None:
    """The time step that a code belongs to, if it is one of now; the latest, if of several."""
    figures = code.replace(" ", "")
    if len(figures) != DIGITS or not (figures.isascii() and figures.isdecimal()):
        return None
    present = now_ns // NS // STEP_S
    codes = pyotp.HOTP(secret.reveal())
    found = None
    for step in range(max(0, present - SKEW_STEPS), present + SKEW_STEPS + 1):
        if hmac.compare_digest(codes.at(step), figures):
            found = step
    return found


def take(
    connection: Connection, box: Box, account_id: str, code: str, *, now_ns: int
) -> Literal["totp", "recovery"] | None:
    """Use a code of either kind; None if it is wrong or was used before.

    Raises:
        VonggacError: CORRUPT, the secret was sealed with another key.
    """
    if len(code) > 100:
        return None
    table = tables.account
    sealed = connection.execute(
        sa.select(table.c.factor_sealed).where(table.c.id == account_id)
    ).scalar_one_or_none()
    if sealed is None:
        return None
    step = step_of(box.unlock(sealed, f"factor {account_id}"), code, now_ns)
    if step is not None:
        taken = connection.execute(
            table.update()
            .where(
                table.c.id == account_id,
                sa.or_(table.c.factor_step.is_(None), table.c.factor_step < step),
            )
            .values(factor_step=step)
        )
        return "totp" if taken.rowcount else None
    used = connection.execute(
        tables.recovery_code.update()
        .where(
            tables.recovery_code.c.account_id == account_id,
            tables.recovery_code.c.code_hash == _hash(code),
            tables.recovery_code.c.used_ns.is_(None),
        )
        .values(used_ns=now_ns)
    )
    return "recovery" if used.rowcount else None


def new_recovery_codes(connection: Connection, account_id: str, *, now_ns: int) -> list[str]:
    """Ten codes in the place of all before them."""
    table = tables.recovery_code
    codes = [new_password() for _ in range(RECOVERY_CODES)]
    connection.execute(table.delete().where(table.c.account_id == account_id))
    connection.execute(
        table.insert(),
        [
            {"code_hash": _hash(code), "account_id": account_id, "created_ns": now_ns}
            for code in codes
        ],
    )
    return codes


def recovery_codes_left(connection: Connection, account_id: str) -> int:
    """How many were not used yet."""
    table = tables.recovery_code
    return connection.execute(
        sa.select(sa.func.count())
        .select_from(table)
        .where(table.c.account_id == account_id, table.c.used_ns.is_(None))
    ).scalar_one()


def _hash(code: str) -> str:
    # 80 random bits cannot be guessed from their hash, so a fast one does.
    plain = code.casefold().replace("-", "").replace(" ", "")
    return hashlib.sha256(plain.encode()).hexdigest()
