"""What may be allowed at all, and which role is allowed what: the words of `rules/roles.toml`.

The acts are a closed list in the code, since a route without one of them does not start; which
role has which of them is data.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal

from vonggac.domain.rules import Words
from vonggac.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

Line = Literal["military", "paid_hotel", "civil"]
"""Who answers for a facility; the same words as in `site.owner_line`."""

LINES: tuple[Line, ...] = ("military", "paid_hotel", "civil")


class Act(StrEnum):
    """Everything that may be allowed to somebody. What is not here cannot be done by a person."""

    OWN_ACCOUNT = "own_account"
    FACILITY_SEE = "facility_see"
    FACILITY_DETAILS = "facility_details"
    LEDGER_SEE = "ledger_see"
    LIVE_VIEW = "live_view"
    PLAYBACK = "playback"
    SNAPSHOT = "snapshot"
    DOWNLOAD = "download"
    WATCHING_SEE = "watching_see"
    WATCHING_NAMES = "watching_names"
    PROBE = "probe"
    DISCOVER = "discover"
    CAMERA_EDIT = "camera_edit"
    MAINTENANCE_PLAN = "maintenance_plan"
    FACILITY_EDIT = "facility_edit"
    FACILITY_CLOSE = "facility_close"
    SITE_ENROL = "site_enrol"
    COVER_CONCLUDE = "cover_conclude"
    INTAKE_RULE = "intake_rule"
    SYSTEM_SEE = "system_see"
    SETTINGS_EDIT = "settings_edit"
    PEOPLE_SEE = "people_see"
    PEOPLE_EDIT = "people_edit"
    ROLES_EDIT = "roles_edit"
    UNITS_SEE = "units_see"
    UNITS_EDIT = "units_edit"
    SESSIONS_SEE = "sessions_see"
    SESSIONS_END = "sessions_end"
    REVIEW_EXPORT = "review_export"
    AUDIT_READ = "audit_read"
    AUDIT_EXPORT = "audit_export"
    EXPORT_SEE = "export_see"
    EXPORT_ASK = "export_ask"
    EXPORT_APPROVE = "export_approve"
    EXPORT_TAKE = "export_take"
    HOLD_PLACE = "hold_place"
    HOLD_RELEASE = "hold_release"
    SHARE_GRANT = "share_grant"
    REQUESTS_EDIT = "requests_edit"
    INCIDENT_EDIT = "incident_edit"
    CASE_SEE = "case_see"
    CASE_MARK = "case_mark"
    CASE_DECIDE = "case_decide"
    CASE_CONCLUDE = "case_conclude"
    DOCUMENTS_MAKE = "documents_make"
    DIRECTIVE_SEE = "directive_see"
    DIRECTIVE_REGISTER = "directive_register"
    DIRECTIVE_ASSIGN = "directive_assign"
    COMPLIANCE_SEE = "compliance_see"
    SCHEME_SEE = "connection_plan_see"
    SCHEME_MAKE = "connection_plan_make"
    SCHEME_AGREE = "connection_plan_agree"
    ESTIMATE_SEE = "estimate_see"
    ESTIMATE_MAKE = "estimate_make"
    ESTIMATE_APPRAISE = "estimate_appraise"
    ESTIMATE_APPROVE = "estimate_approve"
    INSPECTION_SEE = "inspection_see"
    INSPECTION_MAKE = "inspection_make"
    INSPECTION_RULE = "inspection_rule"
    FINDING_ANSWER = "finding_answer"
    REMINDER_MAKE = "reminder_make"
    SANCTION_PROPOSE = "sanction_propose"
    SANCTION_DECIDE = "sanction_decide"
    TASK_SEE = "task_see"
    TASK_MAKE = "task_make"
    TASK_DO = "task_do"
    ACCEPTANCE_SEE = "acceptance_see"
    ACCEPTANCE_TEST = "acceptance_test"
    ACCEPTANCE_DECIDE = "acceptance_decide"
    SURVEY_SEE = "survey_see"
    SURVEY_LEAD = "survey_lead"
    SURVEY_ANSWER = "survey_answer"
    SURVEY_VERIFY = "survey_verify"
    PAPER_SEE = "paper_see"
    PAPER_AGREE = "paper_agree"
    PAPER_ISSUE = "paper_issue"
    REPORT_SEE = "report_see"
    REPORT_MAKE = "report_make"


@dataclass(frozen=True, slots=True)
class Duty:
    """A role as the rules have it: the duty that a letter gives, and the acts that it needs."""

    code: str
    name: Words
    duty: Words
    acts: frozenset[Act]
    scope: Literal["everything", "unit", "sites"]
    """What is proposed when it is given; it can always be given over less."""
    line: Line | None
    """It is held over this owning line and no other."""
    needs_line: bool
    """It cannot be given over all lines at once."""
    needs_sites: bool
    """It cannot be given without naming facilities."""
    must_end: bool
    """It cannot be given without an end."""
    purposes: frozenset[str]
    """Pictures are seen for these purposes only; empty means any."""
    gives: frozenset[str]
    """Roles that its holder may give over the same scope; `*` is every role."""
    source: str
    """Where the duty stands, or that nobody checked."""


@cache
def duties(on: date) -> Mapping[str, Duty]:
    """The roles in force on a day, by code, in the order of the file.

    Raises:
        ConfigError: the file names an act or a line that there is not.
    """
    found: dict[str, Duty] = {}
    for row in _tree()["role"]:
        if row["from"] <= on and (row.get("to") is None or on < row["to"]):
            found[row["code"]] = _duty(row)
    return found


@cache
def act_words() -> Mapping[Act, Words]:
    """What people read of an act.

    Raises:
        ConfigError: an act has no words, or words stand for no act.
    """
    found = {Act(row["code"]): Words(row["vi"], row["en"]) for row in _tree()["act"]}
    missing = [act.value for act in Act if act not in found]
    if missing:
        raise ConfigError(f"rules/roles.toml has no words for {', '.join(missing)}")
    return found


@cache
def line_words() -> Mapping[Line, Words]:
    """What people read of an owning line."""
    return {row["code"]: Words(row["vi"], row["en"]) for row in _tree()["line"]}


@cache
def _tree() -> dict[str, Any]:
    text = resources.files("vonggac.rules").joinpath("roles.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _duty(row: Mapping[str, Any]) -> Duty:
    line = row.get("line")
    try:
        acts = frozenset(Act(code) for code in row["acts"])
    except ValueError as error:
        raise ConfigError(f"rules/roles.toml, {row['code']}: {error}") from error
    if line is not None and line not in LINES:
        raise ConfigError(f"rules/roles.toml, {row['code']}: {line!r} is no owning line")
    return Duty(
        code=row["code"],
        name=Words(row["vi"], row["en"]),
        duty=Words(row["duty_vi"], row["duty_en"]),
        acts=acts,
        scope=row["scope"],
        line=line,
        needs_line=row.get("needs_line", False),
        needs_sites=row.get("needs_sites", False),
        must_end=row.get("must_end", False),
        purposes=frozenset(row.get("purposes", ())),
        gives=frozenset(row.get("gives", ())),
        source=row["source"],
    )
