"""What the text of a case refuses: names, days, numbers and health of people."""

from __future__ import annotations

import unicodedata

import pytest

from vonggac.domain import case_words


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("Nguyễn Văn A ra khỏi phòng 207", "person_name"),
        ("người ở phòng 207 tên là Hoa", "person_name"),
        ("gặp chị Hoa ở sảnh", "person_name"),
        ("Ông Bình mở cửa", "person_name"),
        ("LÒ THỊ MAI ra hành lang", "person_name"),
        ("phòng 207 vào ngày 05/11", "person_day"),
        ("207 nhận ngày 5-11-2026", "person_day"),
        ("phòng 209 vào khu từ hôm kia", "person_day"),
        ("người cách ly ngày thứ 13", "person_day"),
        ("vào 2026-11-05", "person_day"),
        ("gọi 0912 345 678", "person_number"),
        ("số 012345678901", "person_number"),
        ("hộ chiếu C1234567", "person_number"),
        ("phòng 207 là F1", "person_health"),
        ("người dương tính ở phòng 3", "person_health"),
    ],
)
def test_what_says_who_somebody_was_is_refused(text: str, why: str) -> None:
    """In both ways of writing letters with marks."""
    for form in ("NFC", "NFD"):
        found = case_words.recognised(unicodedata.normalize(form, text))
        assert found is not None, text
        assert found.why == why


@pytest.mark.parametrize(
    "text",
    [
        "Hai người từ cửa 207 và 209 đứng cạnh nhau lúc 14:31:40, dưới 1 m trong 73 giây.",
        "Nhân viên buồng phòng vào phòng 312, không đeo khẩu trang.",
        "Lê tấm nệm ra hành lang tầng 2.",
        "Bảo vệ cổng chính, đường Trần Phú.",
        "Anh chị em nhân viên nhà bếp.",
        "Đã nhắc qua loa, hai người về phòng lúc 14:35.",
        "Camera HL-2A, thiếu 6 giây, 98,85 %.",
        "Người phục vụ tầng 3/ khu B",
        "Hành lang tầng 2, đông",
        "Mai kiểm tra lại hàng rào",
        "Two people at doors 207 and 209, 1.5 m apart.",
    ],
)
def test_what_supervisors_write_is_taken(text: str) -> None:
    """A filter that refuses ordinary sentences is switched off by whoever is tired."""
    assert case_words.recognised(text) is None


def test_a_field_says_what_is_wrong_with_it() -> None:
    assert case_words.faults("said", " ") == {"said": "required"}
    assert case_words.faults("place", "", needed=False) == {}
    assert case_words.faults("said", "x" * 2_001) == {"said": "too_long"}
    assert case_words.faults("said", "Phạm Thị B") == {"said": "person_name"}
    assert case_words.faults("said", "phòng 207") == {}
