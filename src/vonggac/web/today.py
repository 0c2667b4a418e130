"""The page of a day: what somebody must do, what is late, what changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response  # noqa: TC002 - FastAPI reads the annotations

from vonggac.domain import legal, matters, today
from vonggac.domain.duties import duties
from vonggac.domain.matters import ORDER, Matter, Standing
from vonggac.web.desk import Visitor, visitor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vonggac.domain.duties import Duty

routes = APIRouter(include_in_schema=False)
api = APIRouter(prefix="/api/v1")

Signed = Annotated[Visitor, Depends(visitor)]

SHOWN: Final = 200
"""Lines of the page at most; late ones come first."""
TOLD: Final = 500
"""Lines of the API's answer at most; `counts` are of all of them."""
SOON_DAYS: Final = 3
"""Days before the last one in which a line is marked (ours)."""

STANDINGS: Mapping[str, str] = {
    "late": "Quá hạn",
    "sign": "Chờ ký, chờ quyết định",
    "due": "Phải làm",
    "changed": "Mới có",
}
SUBJECTS: Mapping[str, str] = {
    "directive": "Văn bản chỉ đạo",
    "survey": "Khảo sát",
    "plan": "Phương án",
    "estimate": "Dự toán",
    "task": "Công việc",
    "acceptance": "Nghiệm thu",
    "inspection": "Kiểm tra",
    "finding": "Tồn tại, khắc phục",
    "sanction": "Đề xuất xử lý",
    "paper": "Văn bản đi",
    "report": "Báo cáo định kỳ",
    "guide": "Hướng dẫn",
    "register": "Danh mục cơ sở",
    "request": "Yêu cầu của người bị ghi hình",
    "export": "Trích xuất dữ liệu",
    "incident": "Hồ sơ sự cố",
}
"""What a matter belongs to, as people call it; another subject has no name on the page."""


def _matters(who: Visitor) -> list[Matter]:
    who.signed_in  # noqa: B018 - refuses who may not look
    with who.desk.database.reading() as connection:
        return today.matters(connection, who.person, now_ns=who.desk.now_ns())


def _duties(who: Visitor) -> list[Duty]:
    """The visitor's roles, each once: what is to be done at all."""
    now_ns = who.desk.now_ns()
    known = duties(legal.day_of(now_ns))
    held = dict.fromkeys(one.role for one in who.person.held if one.lasts(now_ns))
    return [known[role] for role in held if role in known]


@routes.get("/today")
def today_page(who: Signed, about: Annotated[str, Query(max_length=20)] = "") -> Response:
    """What waits for the visitor.

    Args:
        who: the visitor.
        about: lines of this subject only.
    """
    every = _matters(who)
    subjects: dict[str, int] = {}
    for one in every:
        subjects[one.subject] = subjects.get(one.subject, 0) + 1
    about = about if about in subjects else ""
    shown = [one for one in every if about in ("", one.subject)]
    return who.page(
        "today.html",
        {
            "groups": [(code, [one for one in shown[:SHOWN] if one.standing is code])
                       for code in ORDER],
            "counts": today.counted(every),
            "standings": STANDINGS,
            "subjects": SUBJECTS,
            "chips": sorted(subjects.items(), key=lambda pair: list(SUBJECTS).index(pair[0])
                            if pair[0] in SUBJECTS else len(SUBJECTS)),
            "about": about,
            "hidden": max(0, len(shown) - SHOWN),
            "duties": _duties(who),
            "today": legal.day_of(who.desk.now_ns()),
            "soon": SOON_DAYS,
            "due_state": dict.fromkeys(Standing, "due") | {Standing.CHANGED: "received"},
        },
        section="today",
    )  # fmt: skip


@api.get("/today", summary="What you have to do, what is late, what changed")
def today_json(who: Signed) -> dict[str, Any]:
    """Late first, then what waits for a decision; 500 at most, and how many `more`."""
    every = _matters(who)
    return {
        "counts": {code.value: number for code, number in today.counted(every).items()},
        "matters": [_matter_json(who, one) for one in every[:TOLD]],
        "more": max(0, len(every) - TOLD),
    }


def _matter_json(who: Visitor, one: matters.Matter) -> dict[str, Any]:
    return {
        "subject": one.subject,
        "said": who.t(one.what, **dict(one.values)),
        "page": one.href,
        "standing": one.standing.value,
        "due": one.due.isoformat() if one.due else None,
        "site": one.site_id or None,
        "body": one.body or None,
    }
