"""Secrets that people and browsers carry, made here only."""

from __future__ import annotations

import secrets

ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
"""Without l, o, 0 and 1: these are read aloud and typed by hand."""


def new_token() -> str:
    """A secret for a cookie or a form: 256 random bits."""
    return secrets.token_urlsafe(32)


def new_password() -> str:
    """A password that can be read over the telephone: 80 bits in four groups of four."""
    letters = "".join(secrets.choice(ALPHABET) for _ in range(16))
    return "-".join(letters[at : at + 4] for at in range(0, 16, 4))
