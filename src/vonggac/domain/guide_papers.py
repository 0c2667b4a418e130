"""Papers made from the rules in force: the guide, a card a role, the regulation with its decision.

Nothing here is typed twice: sentences come from `rules/defaults.toml`, duties and acts from
`rules/roles.toml`, purposes from `rules/purposes.toml`, and each says where it stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from vonggac.domain import guide, purposes
from vonggac.domain.duties import act_words, duties
from vonggac.domain.letters import kinds
from vonggac.errors import Kind, VonggacError
from vonggac.paper.letter import Chapter, Issuer, Letter, Signature, Text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from vonggac.domain.duties import Duty
    from vonggac.domain.guide import Rule
    from vonggac.domain.issuers import Office
    from vonggac.domain.rules import Language
    from vonggac.paper.letter import Block

EVERY: Final = "*"
"""Of a default: its sentence stands on every card."""
CARD: Final = {
    "vi": {
        "head": "Thẻ công việc", "duty": "Nhiệm vụ", "may": "Được làm trên hệ thống",
        "rules": "Quy định", "source": "Căn cứ nhiệm vụ", "day": "In ngày {day}",
        "note": "Mọi thao tác đều ghi tên và giờ. Không dùng chung tài khoản. Không chụp màn hình.",
        "none": "Không có quyền thao tác nào ngoài phần được chia sẻ.",
    },
    "en": {
        "head": "Duty card", "duty": "Duty", "may": "What you may do in the system",
        "rules": "Rules", "source": "Where the duty stands", "day": "Printed on {day}",
        "note": "All you do is kept with name and time. No shared accounts. No screenshots.",
        "none": "No right but over what was shared.",
    },
}  # fmt: skip
"""Words of a card, by language."""


@dataclass(frozen=True, slots=True)
class From:
    """Who issues a paper, as a person fills the form."""

    name: str
    symbol: str
    place: str
    above: str = ""
    head: str = "GIÁM ĐỐC"
    """Who signs, by office, in capitals."""
    signs: tuple[str, ...] = ()
    """Every line of the signature block; empty is `head` alone."""

    @classmethod
    def office(cls, it: Office) -> From:
        """The office of a unit, as every other drafted letter has it."""
        lines = it.signature.lines
        return cls(it.name, it.issuer.symbol, it.issuer.place, it.issuer.above, lines[-1], lines)

    @property
    def issuer(self) -> Issuer:
        """As a letter has it."""
        return Issuer(self.above, self.name, self.symbol, self.place)


def instructions(rules: Sequence[Rule], sender: From, drafted: date, under: str = "") -> Letter:
    """The guide (hướng dẫn): every rule in force with its basis, part by part.

    `under` is by which directive, as `citing.opening` says it.
    """
    body: list[Block] = [
        Text(
            f"{under}{'để' if under else 'Để'} thống nhất việc lắp đặt, kết nối và sử dụng camera "
            f"giám sát tại các cơ sở cách ly tập trung, {sender.name} hướng dẫn như sau:"
        )
    ]
    for number, (area, name) in enumerate(guide.areas().items(), start=1):
        inside = [one for one in rules if one.default.area == area]
        if inside:
            body.append(Text("", f"{number}. {name.vi}"))
            body += [Text(_based(one), f"{number}.{at}.") for at, one in enumerate(inside, 1)]
    body.append(
        Text(
            "Trong quá trình thực hiện, nếu có vướng mắc, các đơn vị phản ánh về "
            f"{sender.name} để được hướng dẫn"
        )
    )
    return Letter(
        kind=kinds()["huong-dan"],
        issuer=sender.issuer,
        drafted=drafted,
        subject="Lắp đặt, kết nối, sử dụng camera giám sát tại cơ sở cách ly tập trung",
        body=tuple(body),
        signatures=(Signature(sender.signs or (sender.head,)),),
        recipients=("Các cơ sở cách ly tập trung", "Doanh nghiệp được chỉ định"),
        archive="VT",
    )


def _based(rule: Rule) -> str:
    said = rule.sentence.vi.rstrip(".")
    return f"{said} ({rule.source.vi})."


def regulation(rules: Sequence[Rule], sender: From, drafted: date) -> Letter:
    """The draft of a regulation (quy chế) from the rules and the roles in force."""
    articles = _Articles()
    body: list[Block] = [Chapter("Chương I", "Quy định chung")]
    body += articles.add(
        "Phạm vi, đối tượng",
        "Quy chế này quy định việc quản lý, vận hành, khai thác hệ thống camera giám sát tại các "
        "cơ sở cách ly tập trung; áp dụng với các cơ quan, đơn vị, cá nhân có vai trò nêu tại "
        "Chương II.",
    )
    body += articles.add(
        "Nguyên tắc",
        "Chỉ sử dụng hình ảnh đúng mục đích đã khai; mỗi người một tài khoản; mọi lượt xem, xem "
        "lại, trích xuất đều được ghi vào nhật ký truy cập.",
        *(one.sentence.vi for one in rules if one.default.area == "place"),
    )
    body.append(Chapter("Chương II", "Trách nhiệm"))
    for duty in duties(drafted).values():
        body += articles.add(duty.name.vi, duty.duty.vi, *_may_said(duty))
    body.append(Chapter("Chương III", "Vận hành"))
    for area in ("camera", "keep", "check"):
        said = [_based(one) for one in rules if one.default.area == area]
        body += articles.add(guide.areas()[area].vi, *said)
    body.append(Chapter("Chương IV", "Khai thác dữ liệu"))
    named = "; ".join(one.name.vi for one in purposes.purposes(drafted).values())
    body += articles.add("Mục đích xem hình", f"Chỉ xem hình vì một trong các mục đích: {named}.")
    body += articles.add(
        "Trích xuất",
        "Trích xuất theo yêu cầu bằng văn bản, có người thứ hai duyệt và biên bản bàn giao.",
        *(_based(one) for one in rules if one.default.area == "watch"),
    )
    body.append(Chapter("Chương V", "Tổ chức thực hiện"))
    body += articles.add(
        "Hiệu lực",
        "Quy chế có hiệu lực cùng Quyết định ban hành; vướng mắc được phản ánh về cơ quan ban hành",
    )
    return Letter(
        kind=kinds()["quy-che"],
        issuer=sender.issuer,
        drafted=drafted,
        subject=REGULATION,
        body=tuple(body),
        signatures=(Signature((f"TM. {sender.name.upper()}", sender.head)),),
        with_decision=f"Quyết định số       /QĐ-{sender.symbol} ngày      tháng      năm "
        f"{drafted.year} của {sender.name}",
    )


REGULATION: Final = (
    "Quản lý, vận hành, khai thác hệ thống camera giám sát tại các cơ sở cách ly tập trung"
)


@dataclass(slots=True)
class _Articles:
    """Counts the articles of a regulation."""

    count: int = 0

    def add(self, title: str, *said: str) -> list[Block]:
        """An article with its paragraphs."""
        self.count += 1
        return [Text("", f"Điều {self.count}. {title}"), *(Text(one) for one in said if one)]


def _may_said(duty: Duty) -> tuple[str, ...]:
    words = act_words()
    named = "; ".join(words[act].vi.lower() for act in sorted(duty.acts, key=list(words).index))
    return (f"Được làm trên hệ thống: {named}.",) if named else ()


def decision(sender: From, drafted: date, basis: Sequence[str] = ()) -> Letter:
    """The decision (quyết định) by which the regulation is issued, with what else it rests on."""
    named = f"{REGULATION[:1].lower()}{REGULATION[1:]}"
    return Letter(
        kind=kinds()["quyet-dinh"],
        issuer=sender.issuer,
        drafted=drafted,
        subject=f"Về việc ban hành Quy chế {named}",
        authority=sender.name,
        basis=(
            "Căn cứ Luật Tổ chức chính quyền địa phương",
            "Căn cứ Luật Bảo vệ dữ liệu cá nhân",
            *basis,
        ),
        body=(
            Text(
                f"Ban hành kèm theo Quyết định này Quy chế {named}.",
                "Điều 1.",
            ),
            Text("Quyết định này có hiệu lực thi hành kể từ ngày ký.", "Điều 2."),
            Text(
                "Thủ trưởng các cơ quan, đơn vị liên quan chịu trách nhiệm thi hành Quyết định này",
                "Điều 3.",
            ),
        ),
        signatures=(Signature((f"TM. {sender.name.upper()}", sender.head)),),
        recipients=("Như Điều 3",),
        archive="VT",
    )


def card(rules: Sequence[Rule], role: str, on: date, language: Language) -> dict[str, Any]:
    """What stands on the A4 card of a role, for the template `card`.

    Raises:
        VonggacError: NOT_FOUND, there is no such role on that day.
    """
    duty = duties(on).get(role)
    if duty is None:
        raise VonggacError(Kind.NOT_FOUND, "there is no such role")
    said, words = CARD[language], act_words()
    acts = sorted(duty.acts, key=list(words).index)
    return {
        **{name: said[name] for name in ("head", "duty", "may", "rules", "source", "note")},
        "lang": language,
        "role": duty.name[language],
        "what": duty.duty[language],
        "acts": [words[act][language] for act in acts] or [said["none"]],
        "sentences": [
            {"said": one.sentence[language], "source": one.source[language], "ours": one.is_ours}
            for one in rules
            if one.default.cards & {EVERY, role}
        ],
        "basis": duty.source,
        "day": said["day"].format(day=f"{on:%d/%m/%Y}"),
    }
