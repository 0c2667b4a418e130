"""Every sentence in both languages; figures as people here write them."""

from __future__ import annotations

import ast
import re
import string
from pathlib import Path

import pytest

from vonggac.clock import NS
from vonggac.domain import acceptance_papers, designated_sheets
from vonggac.domain import board as domain_board
from vonggac.domain import closing as domain_closing
from vonggac.domain import directives as domain_directives
from vonggac.domain import guide as domain_guide
from vonggac.domain import inventory as domain_inventory
from vonggac.domain import matters as domain_matters
from vonggac.domain import register_sheets as sheets
from vonggac.domain import statistics as domain_statistics
from vonggac.domain import surveys as domain_surveys
from vonggac.domain import today as domain_today
from vonggac.domain.audit import Act
from vonggac.domain.rules import causes
from vonggac.domain.schedules import UNSENT
from vonggac.errors import Kind
from vonggac.web import (
    acceptance,
    account,
    alarms,
    annexes,
    cameras,
    case_work,
    closing,
    designated,
    directives,
    enrolment,
    entrance,
    evidence,
    floor_plans,
    guide,
    hubs,
    incidents,
    joining,
    legal,
    letters,
    maintenance,
    notices,
    office,
    papers,
    people,
    plans,
    public,
    register,
    render,
    reports,
    schedules,
    shares,
    staff,
    survey_form,
    surveys,
    tasks,
    today,
    tree,
    viewing,
    watch,
    words,
    workplaces,
)

WEB = Path(words.__file__).parent
VI, EN = words.Tongue("vi"), words.Tongue("en")
AT = 1_794_987_127 * NS  # 2026-11-18 14:32:07 in Việt Nam
HOUR = 3600 * NS
MARKED = re.compile("[àáạảãâầấậẩẫăằắặẳẵèéẹẻẽêềếệểễìíịỉĩòóọỏõôồốộổỗơờớợởỡùúụủũưừứựửữỳýỵỷỹđ]", re.I)
NEW_MARKS = re.compile(r"\b(?:x|kh|h|t)(?:oà|oá|oả|oã|oạ|uỳ|uý|uỷ|uỹ|uỵ|oè|oé|oẻ|oẽ|oẹ)\b", re.I)


def said_in_templates() -> dict[str, str]:
    """Sentence to file, of every t("...") and t('...') in templates and code."""
    found: dict[str, str] = {}
    for path in [*WEB.glob("templates/*.html"), *WEB.glob("*.py")]:
        source = path.read_text(encoding="utf-8")
        for match in re.finditer(r"\bt\(\s*((?:\"(?:[^\"\\]|\\.)*\"\s*)+)", source):
            parts = re.findall(r"\"((?:[^\"\\]|\\.)*)\"", match[1])
            found.setdefault("".join(parts), path.name)
        for match in re.finditer(r"\bt\(\s*'([^']*)'", source):
            found.setdefault(match[1], path.name)
    return found


def said_in_matters() -> list[str]:
    """The sentence of every `Matter(...)` that a subject says outright."""
    found = []
    for path in Path(domain_matters.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Matter"):
                continue
            said = [*node.args[1:2], *(one.value for one in node.keywords if one.arg == "what")]
            found += [
                one.value for one in said
                if isinstance(one, ast.Constant) and isinstance(one.value, str)
            ]  # fmt: skip
    return found


def said_by_key() -> list[str]:
    tables = (watch.TEXTS, office.ACTS, office.CHORES, cameras.FAULTS, entrance.PASSWORD_FAULTS,
              account.FACTORS, account.FAULTS, staff.FAULTS, staff.CLOSED,
              evidence.STATES, evidence.STEPS, evidence.FAULTS, evidence.WHY_NOT_KEPT,
              alarms.KINDS, alarms.NEXT, alarms.FAULTS,
              workplaces.FAULTS, people.FAULTS, tree.FAULTS, viewing.WHY,
              shares.FAULTS, maintenance.FAULTS, directives.FAULTS, directives.STATES,
              directives.STEPS, letters.FAULTS, letters.MARGINS)  # fmt: skip
    said = [sentence for table in tables for sentence in table.values()]
    said += [one for pair in account.SCOPES.values() for one in pair]
    said += [one for pair in annexes.SAYS.values() for one in pair]
    said += [*register.FAULTS.values(), *sheets.FAULTS.values(), *sheets.FILE_FAULTS.values()]
    said += [*notices.FAULTS.values(), *public.STATES.values()]
    said += [*plans.FAULTS.values(), *plans.BASES.values(), *floor_plans.FAULTS.values()]
    said += list(domain_inventory.REMARKS.values())
    said += [*closing.FAULTS.values()]
    said += [*enrolment.FAULTS.values(), *enrolment.STATES.values(), joining.MISTYPED]
    said += [*hubs.FAULTS.values(), *hubs.STATES.values()]
    said += [one for step in domain_closing.STEPS for one in (step.title, step.about)]
    said += [one for one in domain_directives.URGENCIES if one]
    said += [one for table in (case_work.FAULTS, case_work.STATES, case_work.STEPS,
                               case_work.OUTCOMES, case_work.UNHELD, case_work.VIAS,
                               case_work.QUEUES) for one in table.values()]  # fmt: skip
    said += [*incidents.KINDS.values(), *incidents.STEPS.values(), *legal.READ.values()]
    said += [*reports.FAULTS.values(), *reports.SURVEYS.values(), *reports.PRESETS]
    said += [*domain_statistics.GROUPS.values(), *(one.name for one in domain_statistics.FIGURES)]
    said += [one.source for one in domain_statistics.FIGURES if one.source]
    said += [*schedules.FAULTS.values(), *schedules.RHYTHMS.values(), *schedules.WAYS.values()]
    said += [*schedules.DELIVERIES.values(), *schedules.TROUBLES.values(), *UNSENT.values()]
    said += [*papers.FAULTS.values(), *papers.STATES.values(), *papers.SOURCES.values()]
    said += [*today.STANDINGS.values(), *today.SUBJECTS.values(), *domain_today.SAID]
    said += [*guide.FAULTS.values(), *guide.DRAFTS.values(), guide.WHOLE, *domain_guide.SAID]
    said += [*tasks.FAULTS.values(), *tasks.STATES.values(), *tasks.STANDS.values()]
    said += [*tasks.STEPS.values(), *tasks.ANSWERS.values()]
    said += [one for _, one in tasks.ABOUT.values()]
    said += [*acceptance.FAULTS.values(), *acceptance.CHECKS.values(), *acceptance.ASKED.values()]
    said += [*designated.FAULTS.values(), *designated_sheets.FAULTS.values()]
    said += [*designated_sheets.FILE_FAULTS.values()]
    said += [*acceptance_papers.STANDS.values(), *acceptance_papers.REASONS.values()]
    said += [*(one for one, _ in domain_today.WAITS.values()), *said_in_matters()]
    for table in (surveys.STATES, surveys.ANSWERING, surveys.OUTCOMES, surveys.PARTIES,
                  surveys.WHAT, surveys.BLOCKED, surveys.REMARKS, surveys.FAULTS,
                  survey_form.TEXTS):  # fmt: skip
        said += table.values()
    said += [one for pair in domain_surveys.SAYS.values() for one in pair]
    said += [one.name for one in domain_board.STATES]
    return said + [words_ for _, words_ in (*watch.KEYS_WALL, *watch.KEYS_PLAYBACK)]


EVERY = sorted({*said_in_templates(), *said_by_key()})


def test_every_sentence_has_its_english() -> None:
    assert [one for one in EVERY if one not in words.english()] == []


def test_no_english_is_left_over() -> None:
    """A sentence that no page says any more is a sentence that nobody checks."""
    assert sorted(set(words.english()) - set(EVERY)) == []


def test_both_languages_have_the_same_placeholders() -> None:
    def names(sentence: str) -> set[str | None]:
        return {name for _, name, _, _ in string.Formatter().parse(sentence)} - {None}

    wrong = [vi for vi, en in words.english().items() if names(vi) != names(en)]

    assert wrong == []


def test_english_is_english() -> None:
    said = [en.replace("Vọng Gác", "") for en in words.english().values()]

    assert [en for en in said if MARKED.search(en)] == []


def test_tone_marks_stand_in_the_old_place() -> None:
    """xóa, khóa, hòa: the officials' own spelling (ui.md section 7)."""
    texts = [*EVERY, *(said.next_step.vi for said in causes().values())]
    texts += [path.read_text(encoding="utf-8") for path in WEB.glob("templates/*.html")]

    assert [match[0] for text in texts for match in [NEW_MARKS.search(text)] if match] == []


def test_the_officials_words_are_used() -> None:
    """The table 'officials' own words win' of ui.md."""
    every = " ".join(EVERY)

    for wrong in ("chờ sổ", "Hộp ", "Tường trực tiếp", "Tới được", "khung khoá", "Xin quyền"):
        assert wrong not in every


def test_no_act_and_no_kind_is_without_words() -> None:
    assert set(office.ACTS) == set(Act)
    assert set(watch.TEXTS) >= {"live", "late", "stale"}
    assert len(list(Kind)) == 13


def test_templates_hold_no_inline_script_or_style() -> None:
    """The policy would refuse them; better that a test does first."""
    for path in WEB.glob("templates/*.html"):
        source = path.read_text(encoding="utf-8")
        assert " style=" not in source, path.name
        assert not re.search(r"\son[a-z]+=", source), path.name
        for script in re.findall(r"<script[^>]*>", source):
            assert 'src="' in script or 'type="application/json"' in script, path.name


def test_the_browsers_texts_are_all_given() -> None:
    """The table of texts beside the modules, and what pages give, are equal."""
    readme = (WEB / "static/js/README.md").read_text(encoding="utf-8")
    table = readme.split("## Texts", 1)[1]
    named = set(re.findall(r"^\| `([a-z_]+)` \|", table, re.M))

    assert named - set(watch.TEXTS) == set()


@pytest.mark.parametrize(
    ("hundredths", "vi", "en"),
    [
        (10_000, "100", "100"),
        (9_999, "99,99", "99.99"),
        (9_642, "96,42", "96.42"),
        (5, "0,05", "0.05"),
        (0, "0,00", "0.00"),
        (None, "–", "–"),
    ],
)
def test_percentages(hundredths: int | None, vi: str, en: str) -> None:
    assert (VI.percent(hundredths), EN.percent(hundredths)) == (vi, en)


@pytest.mark.parametrize(
    ("ns", "vi", "en"),
    [
        (0, "0 giây", "0 s"),
        (400_000_000, "0,4 giây", "0.4 s"),
        (59 * NS, "59 giây", "59 s"),
        (60 * NS, "1 phút", "1 min"),
        (145 * 60 * NS, "2 giờ 25 phút", "2 h 25 min"),
        (24 * 60 * NS + 36 * NS, "24 phút 36 giây", "24 min 36 s"),
        (26 * HOUR + 59 * 60 * NS + 59 * NS, "1 ngày 2 giờ", "1 d 2 h"),
        (HOUR + 5 * NS, "1 giờ", "1 h"),
    ],
)
def test_lengths(ns: int, vi: str, en: str) -> None:
    """Two units, cut: nothing is made longer than it was."""
    assert (VI.length(ns), EN.length(ns)) == (vi, en)


def test_moments() -> None:
    assert VI.clock(AT) == "14:32:07"
    assert VI.day(AT) == "18/11/2026"
    assert (VI.weekday(AT), EN.weekday(AT)) == ("Thứ Tư", "Wednesday")
    assert VI.moment(AT - HOUR, near=AT) == "13:32:07"
    assert VI.moment(AT - 24 * HOUR, near=AT) == "17/11/2026 14:32:07"
    assert VI.span(AT, AT + 60 * NS) == "14:32:07–14:33:07"
    assert VI.span(AT, AT + 12 * HOUR) == "14:32:07 18/11 – 02:32:07 19/11"
    assert words.machine(AT) == "2026-11-18T14:32:07+07:00"
    assert words.day_start(AT) == AT - (14 * HOUR + 32 * 60 * NS + 7 * NS)


def test_figures() -> None:
    assert (VI.number(1_234_567), EN.number(1_234_567)) == ("1.234.567", "1,234,567")
    assert (VI.bytes(1_900_000_000_000), EN.bytes(800)) == ("1,9 TB", "800 B")
    assert (VI.signed(-0.4), EN.signed(0.8)) == ("−0,4", "+0.8")
    assert (VI.signed(-0.04), EN.signed(0.04), VI.signed(-0.05)) == ("0,0", "0.0", "−0,1")
    assert [VI.rate(value) for value in (15.0, 14.9, 14.96, None)] == ["15", "14,9", "15", "–"]


def test_one_is_not_many() -> None:
    """English has a plural, and 21, 0.1 and 1,001 take it."""
    assert EN("{days} ngày", days=1) == "1 day"
    assert EN("{n} trong {days} ngày", n=1, days=1) == "1 in 1 day"
    assert [EN("{days} ngày", days=days) for days in (0, 2, 11, 21)] == [
        "0 days", "2 days", "11 days", "21 days",
    ]  # fmt: skip
    assert EN("{n} ngày", n="1,001") == "1,001 days"
    assert EN("Đã xem {days} ngày qua", days=1) == "Watched in the last 1 day"
    assert VI("{days} ngày", days=1) == "1 ngày"
    assert EN("{n} cơ sở", n="1") == "1 facility"
    assert EN("{n} cơ sở chưa có đầu mối", n=1) == "1 facility has no contact person"
    assert EN("quá {n} ngày, {w} ngày làm việc", n=1, w=1) == "1 day over, 1 working day"


def test_whatever_is_counted_has_a_singular() -> None:
    """A noun that a sentence counts and the table of `words` lacks would say `1 facilities`."""
    counted = re.compile(r"\{(\w+)\} (?:\w+ )?([a-z]{3,}s|people)\b")
    verbs = {"has", "needs", "owes", "refuses", "stands", "waits", "was"}
    wrong = []
    for vi, en in words.english().items():
        for name, noun in counted.findall(en):
            others = {each for _, each, _, _ in string.Formatter().parse(vi)} - {None}
            said = EN(vi, **{str(each): 1 if each == name else "…" for each in others})
            if noun not in verbs and re.search(rf"(?<!/)\b1 (?:\w+ )?{noun}\b", said):
                wrong.append(said)
    assert wrong == []


@pytest.mark.parametrize(
    ("cookie", "accept", "language"),
    [
        (None, "", "vi"),
        (None, "en-US,en;q=0.9", "en"),
        (None, "vi-VN,vi;q=0.9,en;q=0.8", "vi"),
        (None, "fr,en;q=0.3,vi;q=0.2", "en"),
        ("vi", "en", "vi"),
        ("xx", "en;q=nonsense", "vi"),
    ],
)
def test_the_language_is_chosen(cookie: str | None, accept: str, language: str) -> None:
    assert words.choose(cookie, accept) == language


def test_page_data_cannot_end_its_script() -> None:
    """A camera's title comes from a person."""
    json = render.page_json({"title": "</script><script>alert(1)</script>&"})

    assert "<" not in json
    assert "&" not in json
