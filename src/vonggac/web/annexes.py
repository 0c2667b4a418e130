"""Page "Hồ sơ tuân thủ": papers for the authorities, made from the installation as it stands.

The papers are official in Vietnamese; a page in English shows, and gives, a translation that is
labelled as one, and the official paper beside it.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Depends, Query
from markupsafe import Markup
from starlette.responses import Response

from vonggac import paper
from vonggac.domain import annexes, audit
from vonggac.errors import Kind, VonggacError
from vonggac.web import words
from vonggac.web.desk import Visitor, visitor

if TYPE_CHECKING:
    from collections.abc import Mapping

routes = APIRouter(include_in_schema=False)

Signed = Annotated[Visitor, Depends(visitor)]

SAYS: Mapping[annexes.Kind, tuple[str, str]] = {
    "dataflow": (
        "Mô tả luồng dữ liệu cá nhân",
        "Hình và dữ liệu đi từ đâu tới đâu, mã hóa ra sao, lưu bao lâu, ai được xem; có sơ đồ.",
    ),
    "dpia": (
        "Đánh giá tác động xử lý dữ liệu cá nhân",
        "Dữ liệu nào, mục đích nào, ai nhận, rủi ro với người bị ghi hình và điều còn thiếu.",
    ),
    "level": (
        "Phụ lục kỹ thuật của hồ sơ đề xuất cấp độ",
        "Từng yêu cầu của cấp độ 3: đạt hay chưa, bằng cách nào, xem ở đâu. Cấp độ do cơ quan có "
        "thẩm quyền phê duyệt.",
    ),
}
"""What each paper is called and says, for the list."""


@routes.get("/compliance")
def annexes_page(who: Signed) -> Response:
    """The papers there are."""
    who.signed_in  # noqa: B018 - refuses who may not look
    return who.page("annexes.html", {"papers": SAYS}, section="compliance")


@routes.get("/compliance/{kind}")
def annex_page(who: Signed, kind: str) -> Response:
    """One paper, as it would be printed now."""
    made = _made(who, kind, who.t.language)
    drawn = [Markup(part.diagram) for part in made.parts]  # noqa: S704 - diagram.svg escapes text
    return who.page(
        "annex.html", {"it": made, "drawn": drawn, "name": SAYS[made.kind][0]}, section="compliance"
    )


@routes.get("/compliance/{kind}/file")
def annex_file(
    who: Signed, kind: str, lang: Annotated[Literal["vi", "en"] | None, Query()] = None
) -> Response:
    """The same as PDF, in the page's language or the one asked for; it leaves a row with its hash.

    Args:
        who: the visitor.
        kind: which paper.
        lang: `vi` is the official one.
    """
    made = _made(who, kind, lang or who.t.language)
    content = paper.pdf("annex", made.as_json())
    desk = who.desk
    now_ns = desk.now_ns()
    with desk.database.writing() as connection:
        audit.record(
            connection,
            who.actor,
            audit.Act.DOCUMENT_MADE,
            now_ns=now_ns,
            thing=f"annex/{made.kind}",
            detail={"sha256": hashlib.sha256(content).hexdigest()}
            | ({"language": "en"} if made.language == "en" else {}),
        )
    mark = "-en" if made.language == "en" else ""
    name = f"{annexes.FILES[made.kind]}-{words.day_of(now_ns).isoformat()}{mark}.pdf"
    return Response(
        content,
        media_type="application/pdf",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _made(who: Visitor, kind: str, language: str) -> annexes.Annex:
    who.signed_in  # noqa: B018
    wanted = next((one for one in annexes.KINDS if one == kind), None)
    if wanted is None:
        raise VonggacError(Kind.NOT_FOUND, f"one of {', '.join(annexes.KINDS)}")
    desk = who.desk
    with desk.database.reading() as connection:
        facts = annexes.gather(connection, desk.config, now_ns=desk.now_ns())
    made = annexes.annex(wanted, facts)
    return annexes.in_english(made, facts) if language == "en" else made
