"""Whether each measure of level 3 is met here, how, and where it is set: one function a measure.

`met` is said only of what the program itself does and can read; what an organisation must do
besides is `outside`, and what is absent is said to be absent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import urlsplit

from vonggac.config import SignInConfig
from vonggac.domain import registry
from vonggac.domain.annexes import law
from vonggac.domain.annexes.facts import DAY_NS, Facts, Listener, day
from vonggac.domain.annexes.sheet import DEFAULT, NONE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

State = Literal["met", "partly", "none", "outside"]
STATES: Final[Mapping[State, str]] = {
    "met": "đạt",
    "partly": "đạt một phần",
    "none": "chưa đạt",
    "outside": "ngoài phần mềm",
}

IDLE_DAYS, REVIEW_MONTHS, AUDIT_DAYS = 45, 6, 92
LENGTH_WITH_FACTOR, LENGTH_WITHOUT = 8, 14
ADMINISTRATOR_DAYS, HISTORY = 62, 10
TRIES, LOCK_S = 5, 300
"""What decree 331/2026 and decision 724 are reported to ask for; nobody compared the decree."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A measure, held against this installation."""

    measure: law.Measure
    state: State
    how: str
    where: str
    """Setting, page or command that shows it."""
    default: bool | str
    """Whether the setting behind it is the software's default; or where the guide says it."""

    @property
    def marks(self) -> tuple[str, ...]:
        """What stands under how it is met."""
        if isinstance(self.default, str):
            return (self.default,)
        return (DEFAULT,) if self.default else ()


Verdict = tuple[State, str, str, bool | str]


def findings(facts: Facts) -> list[Finding]:
    """Every measure of the rules, in their order."""
    return [Finding(one, *ASK[one.id](facts)) for one in law.measures()]


def _default(facts: Facts, *names: str) -> bool:
    """Whether these settings of signing in stand as the software has them."""
    usual = SignInConfig()
    return all(getattr(facts.config.sign_in, name) == getattr(usual, name) for name in names)


def _named_accounts(facts: Facts) -> Verdict:
    people = facts.people
    how = (
        f"{people.open} tài khoản đang mở; không có tài khoản nhóm, không có mật khẩu mặc định; "
        "việc không dùng chung do đơn vị kiểm tra"
    )
    if people.nameless:
        how += f"; {people.nameless} tài khoản chưa ghi họ tên"
    if people.unchanged:
        how += f"; {people.unchanged} tài khoản chưa đổi mật khẩu được cấp"
    return ("partly" if people.nameless else "met"), how, "Tài khoản người dùng", False


def _account_kinds(facts: Facts) -> Verdict:
    held = [f"{one.duty.name.vi} ({one.people})" for one in facts.roles if one.people]
    how = f"{len(facts.roles)} vai trò tách nhau; đang có người giữ: {', '.join(held) or NONE}; "
    how += f"khóa API cho chương trình: {facts.people.tokens or NONE}"
    return "met", how, "Người dùng và vai trò", False


def _idle_accounts(facts: Facts) -> Verdict:
    days = facts.config.sign_in.idle_days
    default = _default(facts, "idle_days")
    if days == 0:
        return "none", "không tự khóa", "sign_in.idle_days", default
    state: State = "met" if days <= IDLE_DAYS else "none"
    return state, f"tự khóa sau {days} ngày không đăng nhập", "sign_in.idle_days", default


def _access_review(facts: Facts) -> Verdict:
    months, last = facts.config.sign_in.review_months, facts.uses.reviewed_ns
    how = f"nhắc {months} tháng một lần; lần gần nhất: {day(last)}"
    late = last is None or facts.made_ns - last > REVIEW_MONTHS * 31 * DAY_NS
    state: State = "met" if months <= REVIEW_MONTHS and not late else "partly"
    return state, how, "Tài khoản người dùng, bảng rà soát", _default(facts, "review_months")


def _second_factor(facts: Facts) -> Verdict:
    people, rule = facts.people, facts.config.sign_in.second_factor
    said = {
        "everyone": "bắt buộc với mọi người",
        "administrators": "bắt buộc với quản trị và với đăng nhập từ ngoài các mạng đã khai",
        "outside": "chỉ bắt buộc với đăng nhập từ ngoài các mạng đã khai",
    }[rule]
    how = f"{said}; {people.with_factor} trên {people.open} tài khoản đã đăng ký"
    if people.administrators_without_factor:
        how += f"; {people.administrators_without_factor} quản trị chưa đăng ký"
    full = rule != "outside" and not people.administrators_without_factor
    return (
        "met" if full else "partly",
        how,
        "sign_in.second_factor",
        _default(facts, "second_factor"),
    )


def _password(facts: Facts) -> Verdict:
    rules = facts.config.sign_in
    how = (
        f"ít nhất {rules.min_length_with_factor} ký tự khi có xác thực hai lớp, "
        f"{rules.min_length} ký tự khi không; mật khẩu được cấp phải đổi ở lần đăng nhập đầu"
    )
    full = rules.min_length_with_factor >= LENGTH_WITH_FACTOR and rules.min_length >= LENGTH_WITHOUT
    default = _default(facts, "min_length", "min_length_with_factor")
    return ("met" if full else "none"), how, "sign_in.min_length", default


def _administrator_password(facts: Facts) -> Verdict:
    rules = facts.config.sign_in
    days = rules.administrator_password_days
    how = f"đổi sau {days} ngày" if days else "không bắt đổi định kỳ"
    how += f"; không dùng lại {rules.history} mật khẩu gần nhất"
    full = 0 < days <= ADMINISTRATOR_DAYS and rules.history >= HISTORY
    default = _default(facts, "administrator_password_days", "history")
    return ("met" if full else "none"), how, "sign_in.administrator_password_days", default


def _lockout(facts: Facts) -> Verdict:
    rules = facts.config.sign_in
    how = f"khóa {rules.lock_s} giây sau {rules.tries} lần sai trong {rules.forget_s} giây"
    full = rules.tries <= TRIES and rules.lock_s >= LOCK_S
    default = _default(facts, "tries", "lock_s", "forget_s")
    return ("met" if full else "partly"), how, "sign_in.tries, sign_in.lock_s", default


def _time(facts: Facts) -> Verdict:
    told = [one.clock_trusted for one in facts.places]
    how = "hệ điều hành đồng bộ giờ, phần mềm không tự đồng bộ; thiết bị ghi cho biết đồng hồ "
    if not told or None in told:
        how += "chưa có tin"
    else:
        how += "đáng tin" if all(told) else "chưa đáng tin"
    return "outside", how + "; độ lệch giờ của từng camera được đo", "Hệ thống; Liên tục", False


def _audit(facts: Facts) -> Verdict:
    uses = facts.uses
    how = (
        f"{uses.audit_rows} dòng, dòng đầu: {day(uses.audit_since_ns)}; mỗi dòng nối mã băm với "
        "dòng trước, cơ sở dữ liệu từ chối sửa và xóa; ghi địa chỉ và trình duyệt, "
        f"cổng nguồn: {NONE}; neo vào sổ ghi hình lần cuối: {day(uses.anchored_ns)}"
    )
    return "partly", how, "Nhật ký truy cập; vonggac audit", False


def _audit_kept(facts: Facts) -> Verdict:
    days, rule = facts.audit_days, facts.rules["audit_days"]
    state: State = "met" if days >= AUDIT_DAYS else "none"
    # A setting that is longer than the guide's number holds, and is nobody's default.
    said: bool | str = rule.source.vi if days == rule.number else False
    return state, f"lưu {days} ngày", "audit.keep_days", said


def _siem(facts: Facts) -> Verdict:
    where = facts.config.audit.syslog
    if where:
        host = urlsplit(where)
        how = f"gửi từng dòng qua syslog ({host.scheme}), đường truyền không mã hóa"
        return "met", how, "audit.syslog", False
    how = f"gửi tự động: {NONE}; tải tay được tệp JSON và CSV"
    return "partly", how, "audit.syslog; Nhật ký truy cập", True


def _tls(facts: Facts) -> Verdict:
    said, gaps = [], 0
    for one in facts.listeners:
        gaps += one.is_open
        said.append(f"{one.name}: {guarded(one)}")
    proxy = facts.config.web.public_url or ""
    if proxy.startswith("https://") and facts.config.web.tls is None:
        said.append(
            "trình duyệt vào qua máy chủ trung gian dùng HTTPS; phần mềm không kiểm tra máy đó"
        )
    weak = []
    if plain := sum(number for kind, number in facts.by_transport().items() if kind != "rtsps"):
        weak.append(f"{plain} camera đọc qua RTSP không mã hóa")
    if secured := facts.by_transport()["rtsps"]:
        weak.append(f"{secured} camera đọc qua RTSPS, chứng thư của camera không được kiểm tra")
    if facts.config.audit.syslog:
        weak.append("nhật ký gửi qua syslog không mã hóa")
    state: State = "none" if gaps else "partly" if weak else "met"
    said += weak
    return state, "; ".join(said), "web.tls, web.public_url, bus", False


def guarded(door: Listener) -> str:
    """How a listener is guarded, in words."""
    if door.tls:
        return "TLS"
    return "không mã hóa, chỉ trong cùng một máy" if door.is_inside else "không mã hóa"


def _encrypted_storage(facts: Facts) -> Verdict:
    how = (
        "mật khẩu camera và khóa xác thực hai lớp được mã hóa trong cơ sở dữ liệu; "
        f"mã hóa bản ghi hình và cơ sở dữ liệu bởi phần mềm: {NONE}"
    )
    return "partly", how, "thư mục dữ liệu; mã hóa đĩa của hệ điều hành", False


def _backup(facts: Facts) -> Verdict:
    how = f"sao lưu của phần mềm: {NONE}; chỉ có hướng dẫn sao lưu bằng tay"
    return "none", how, "hướng dẫn vận hành", False


def _restore_drill(facts: Facts) -> Verdict:
    return "none", f"diễn tập khôi phục ghi trong phần mềm: {NONE}", NONE, False


def _data_in_vietnam(facts: Facts) -> Verdict:
    where = "ở máy khác" if facts.database_host else "cùng máy"
    how = (
        "bản ghi, nhật ký và tệp trích xuất nằm trong thư mục dữ liệu của máy này, "
        f"cơ sở dữ liệu {facts.dialect} {where}; phần mềm không gửi dữ liệu lên đám mây; "
        "nơi đặt máy do chủ quản xác nhận"
    )
    return "outside", how, "data_dir, database_url", False


def _vulnerability_scan(facts: Facts) -> Verdict:
    return "outside", f"rà quét trong phần mềm: {NONE}", NONE, False


def _sbom(facts: Facts) -> Verdict:
    how = f"SBOM dạng CycloneDX 1.5 của bản {facts.version}, đi kèm phần mềm"
    return "met", how, "sbom.cdx.json", False


def _no_secrets(facts: Facts) -> Verdict:
    inside = sum(
        bool(registry.split_credentials(stream.url)[2])
        for camera in facts.config.cameras
        for stream in (camera.main, camera.sub)
        if stream is not None
    )
    if inside:
        how = f"{inside} địa chỉ camera trong tệp cấu hình có mật khẩu"
        return "none", how, "cameras", False
    how = "cấu hình chỉ trỏ tới biến môi trường hoặc tệp; tệp cấu hình không có mật khẩu camera"
    return "met", how, "cameras.password", False


def _incidents(facts: Facts) -> Verdict:
    uses = facts.uses
    how = (
        f"hồ sơ sự cố đếm giờ 24 và 72: {uses.incidents}, {uses.open_incidents} đang mở; "
        "gửi báo cáo là việc của người"
    )
    return "partly", how, "Hồ sơ sự cố", False


def _yearly_report(facts: Facts) -> Verdict:
    return "outside", f"báo cáo hằng năm trong phần mềm: {NONE}", NONE, False


ASK: Final[Mapping[str, Callable[[Facts], Verdict]]] = {
    "named_accounts": _named_accounts,
    "account_kinds": _account_kinds,
    "idle_accounts": _idle_accounts,
    "access_review": _access_review,
    "second_factor": _second_factor,
    "password": _password,
    "administrator_password": _administrator_password,
    "lockout": _lockout,
    "time": _time,
    "audit": _audit,
    "audit_kept": _audit_kept,
    "siem": _siem,
    "tls": _tls,
    "encrypted_storage": _encrypted_storage,
    "backup": _backup,
    "restore_drill": _restore_drill,
    "data_in_vietnam": _data_in_vietnam,
    "vulnerability_scan": _vulnerability_scan,
    "sbom": _sbom,
    "no_secrets": _no_secrets,
    "incidents": _incidents,
    "yearly_report": _yearly_report,
}
"""A test holds its keys equal to the measures of the rules."""
