"""How a desk or a telephone comes to trust the private authority of this hub: `/ca`.

For anybody: it is opened before the browser trusts the page at all, and what it hands out is
public. The fingerprint is to be compared with one that came another way, on paper or from
`vonggac keys show`; a page that somebody forged would show its own.
"""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - kept in the application's state
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from vonggac.errors import Kind, VonggacError
from vonggac.keys import tls
from vonggac.web.desk import Visitor, visitor

routes = APIRouter(include_in_schema=False)

FILE = "vong-gac-ca.crt"
"""What the browser saves."""
KIND = "application/x-x509-ca-cert"
"""Never registered, but what Android and iOS open with their installer; both want DER."""


@routes.get("/ca")
def trust_page(request: Request, who: Annotated[Visitor, Depends(visitor)]) -> Response:
    """How to install the authority, and its fingerprint. For anybody.

    The page says until when the authority itself is valid, not the certificate below it: that one
    is renewed without anybody.
    """
    certificate = tls.certificate(_authority(request))
    until_ns = int(certificate.not_valid_after_utc.timestamp()) * 1_000_000_000
    context = {
        "fingerprint": tls.fingerprint(certificate),
        "until": who.t.day(until_ns),
    }
    return who.page("ca.html", context, section="ca")


@routes.get("/ca.crt")
def trust_file(request: Request) -> Response:
    """The authority's certificate, as telephones and desks take it. For anybody."""
    return Response(
        tls.der(_authority(request)),
        media_type=KIND,
        headers={"Content-Disposition": f'attachment; filename="{FILE}"'},
    )


def _authority(request: Request) -> Path:
    """Its certificate in PEM.

    Raises:
        VonggacError: NOT_FOUND, this hub speaks no TLS or was given its certificate.
    """
    found: Path | None = request.app.state.authority
    if found is None:
        raise VonggacError(Kind.NOT_FOUND, "this hub has no authority of its own")
    return found
