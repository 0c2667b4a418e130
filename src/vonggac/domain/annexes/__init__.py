"""Papers made from the real installation: the data's ways, the impact on people, the level.

Each fact in them is read from the database and the configuration at the moment when they are
made; what is absent is said to be absent, our defaults are called so, and what leans on a legal
text that nobody compared says that.  They are official papers in Vietnamese; `in_english` is a
translation for readers and says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vonggac.domain.annexes import dataflow, dpia, english, level
from vonggac.domain.annexes.facts import Facts, gather
from vonggac.domain.annexes.sheet import DEFAULT, KINDS, NONE, UNCHECKED, Annex, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from vonggac.config import Config
    from vonggac.db import Connection

__all__ = [
    "FILES",
    "KINDS",
    "TITLES",
    "UNCHECKED",
    "Annex",
    "Facts",
    "Kind",
    "annex",
    "gather",
    "made",
]

MODULES: Final[Mapping[Kind, ModuleType]] = {"dataflow": dataflow, "dpia": dpia, "level": level}
TITLES: Final[Mapping[Kind, str]] = {kind: MODULES[kind].TITLE for kind in KINDS}
FILES: Final[Mapping[Kind, str]] = {
    "dataflow": "luong-du-lieu",
    "dpia": "danh-gia-tac-dong",
    "level": "phu-luc-cap-do",
}
"""What a file of a kind is called, without its ending."""


def annex(kind: Kind, facts: Facts) -> Annex:
    """A document, from what was read. Equal facts make equal documents."""
    module = MODULES[kind]
    head = facts.head
    return Annex(
        kind=kind,
        title=module.TITLE,
        about=module.ABOUT,
        agency=(head.site.title or head.site.name) if head else facts.config.site.name,
        above=head.unit if head else "",
        made=facts.made,
        version=facts.version,
        notes=(
            f"Lập tự động từ cấu hình và dữ liệu của hệ thống lúc {facts.made}, phần mềm Vọng Gác "
            f"{facts.version}. Số liệu chỉ đúng tại thời điểm này.",
            f"“{NONE}” nghĩa là phần mềm không có hoặc chưa được đặt. “{DEFAULT}” là giá trị chưa "
            f"ai ở đây chọn. “{UNCHECKED}” là quy định chưa ai đính kèm, đối chiếu văn bản gốc.",
        ),
        parts=module.parts(facts),
        signs=module.SIGNS,
    )


def in_english(made: Annex, facts: Facts) -> Annex:
    """The same document for readers of English, labelled as a translation."""
    return english.paper(made, facts)


def made(connection: Connection, config: Config, kind: Kind, *, now_ns: int) -> Annex:
    """A document, read and written at once."""
    return annex(kind, gather(connection, config, now_ns=now_ns))
