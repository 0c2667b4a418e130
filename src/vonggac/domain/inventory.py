"""What the inventory of a camera says of it as a device: which fields speak against it.

Since 01/7/2026 a camera that is sold needs a declaration of conformity and the CR mark (QCVN
11:2026/BCA, `rules/legal.toml`); those that hung there before are tolerated with a note.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final, Literal

from vonggac.domain.units import folded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vonggac.domain.register_places import Facts

CONFORMITY_FROM: Final = date(2026, 7, 1)
"""First day of the duty to declare conformity (QCVN 11:2026/BCA, TT 125/2026/TT-BCA)."""
HOME: Final = frozenset({"viet nam", "vietnam", "vn", "vnm", "trong nuoc", "khong", "khong co"})
"""What people write when nothing is kept abroad, without marks."""

Level = Literal["warn", "note"]

REMARKS: Final[Mapping[str, str]] = {
    "unproven_new": "Mua từ 01/7/2026 mà chưa có số công bố hợp quy hoặc dấu CR.",
    "unproven_old": "Chưa có số công bố hợp quy; camera có từ trước 01/7/2026 thì vẫn dùng được.",
    "unproven_undated": "Chưa có số công bố hợp quy và chưa rõ ngày mua.",
    "password_default": "Chưa đổi mật khẩu mặc định của hãng.",
    "services_on": "Telnet, UPnP hoặc P2P còn bật.",
    "stored_abroad": "Dữ liệu của đám mây hãng lưu ngoài Việt Nam.",
}
"""What people read of each remark, in Vietnamese."""


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing that speaks against a camera, or that should be known of it."""

    code: str
    level: Level

    @property
    def says(self) -> str:
        """In Vietnamese; pages put it through their tongue."""
        return REMARKS[self.code]


def remarks(said: Facts) -> list[Remark]:
    """What speaks against a camera, the heavier first; what is not known is no remark."""
    found: list[Remark] = []
    proven = bool(said.conformity) and said.cr_mark is True
    if said.bought_day is not None and said.bought_day >= CONFORMITY_FROM and not proven:
        found.append(Remark("unproven_new", "warn"))
    if said.password_changed is False:
        found.append(Remark("password_default", "warn"))
    if said.services_off is False:
        found.append(Remark("services_on", "warn"))
    if said.storage_country and folded(said.storage_country) not in HOME:
        found.append(Remark("stored_abroad", "warn"))
    if not said.conformity and said.bought_day is None:
        found.append(Remark("unproven_undated", "note"))
    elif not said.conformity and said.bought_day is not None and said.bought_day < CONFORMITY_FROM:
        found.append(Remark("unproven_old", "note"))
    return found
