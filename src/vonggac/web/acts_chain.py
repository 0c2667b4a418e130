"""What every route of the orders' chain is, as an act on a thing: directive, survey, plan, report.

A section a subject; `vonggac.web.rights` joins this table to that of `vonggac.web.acts`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vonggac.domain.access import Act
from vonggac.web.acts import Rule, lists, nobody, own, site, somewhere, system

if TYPE_CHECKING:
    from collections.abc import Mapping

CHAIN: Final[Mapping[str, Rule]] = {
    # the day: each line is of what the visitor may do
    "GET /today": own(),
    "GET /api/v1/today": own(),
    # the guide: rules in force are no secret; what a facility got and asked is its own
    "GET /guide": own(),
    "POST /guide/defaults/{code}": system(Act.SETTINGS_EDIT),
    "POST /guide/papers": somewhere(Act.DOCUMENTS_MAKE),
    "POST /guide/trainings": somewhere(Act.FACILITY_EDIT),
    "GET /guide/cards/{role}.pdf": own(),
    "GET /guide/sites/{site_id}": site(Act.FACILITY_DETAILS),
    "POST /guide/sites/{site_id}/sent": site(Act.FACILITY_EDIT),
    "POST /guide/sites/{site_id}/receipts": site(Act.FACILITY_DETAILS),
    "POST /guide/sites/{site_id}/questions": site(Act.FACILITY_DETAILS),
    "POST /guide/sites/{site_id}/answers": site(Act.FACILITY_EDIT),
    "GET /guide/sites/{site_id}/sent/{sent_id}.pdf": site(Act.FACILITY_DETAILS),
    "GET /api/v1/guide": own(),
    "PUT /api/v1/guide/defaults/{code}": system(Act.SETTINGS_EDIT),
    "DELETE /api/v1/guide/defaults/{code}": system(Act.SETTINGS_EDIT),
    "POST /api/v1/guide/papers": somewhere(Act.DOCUMENTS_MAKE),
    "GET /api/v1/guide/cards/{role}.pdf": own(),
    "GET /api/v1/guide/sites/{site_id}": site(Act.FACILITY_DETAILS),
    "POST /api/v1/guide/sites/{site_id}/sent": site(Act.FACILITY_EDIT),
    "POST /api/v1/guide/receipts/{sent_id}": somewhere(Act.FACILITY_DETAILS),
    "POST /api/v1/guide/sites/{site_id}/questions": site(Act.FACILITY_DETAILS),
    "POST /api/v1/guide/questions/{question_id}/answer": somewhere(Act.FACILITY_EDIT),
    "GET /api/v1/guide/trainings": own(),
    "POST /api/v1/guide/trainings": somewhere(Act.FACILITY_EDIT),
    # letters
    "GET /letters": somewhere(Act.DOCUMENTS_MAKE),
    "GET /letters/{kind}/sample.docx": somewhere(Act.DOCUMENTS_MAKE),
    "GET /letters/{kind}/sample.pdf": somewhere(Act.DOCUMENTS_MAKE),
    "GET /letters/template.docx": system(Act.SETTINGS_EDIT),
    "POST /letters/template": system(Act.SETTINGS_EDIT),
    "GET /api/v1/letters": somewhere(Act.DOCUMENTS_MAKE),
    "PUT /api/v1/letters/template": system(Act.SETTINGS_EDIT),
    "DELETE /api/v1/letters/template": system(Act.SETTINGS_EDIT),
    # directives
    "GET /directives": somewhere(Act.DIRECTIVE_SEE),
    "POST /directives": somewhere(Act.DIRECTIVE_REGISTER),
    "GET /directives/{directive_id}": somewhere(Act.DIRECTIVE_SEE),
    "POST /directives/{directive_id}/clauses": somewhere(Act.DIRECTIVE_ASSIGN),
    "POST /directives/{directive_id}/files": somewhere(Act.DIRECTIVE_REGISTER),
    "GET /directives/{directive_id}/files/{file_id}": somewhere(Act.DIRECTIVE_SEE),
    "GET /directives/{directive_id}/frame.docx": somewhere(Act.DIRECTIVE_SEE),
    "GET /directives/{directive_id}/frame.pdf": somewhere(Act.DIRECTIVE_SEE),
    "POST /duties/{duty_id}": somewhere(Act.DIRECTIVE_REGISTER),
    "GET /owed": somewhere(Act.DIRECTIVE_SEE),
    "GET /api/v1/directives": somewhere(Act.DIRECTIVE_SEE),
    "POST /api/v1/directives": somewhere(Act.DIRECTIVE_REGISTER),
    "GET /api/v1/directives/{directive_id}": somewhere(Act.DIRECTIVE_SEE),
    "POST /api/v1/directives/{directive_id}/clauses": somewhere(Act.DIRECTIVE_ASSIGN),
    "POST /api/v1/duties/{duty_id}/steps": somewhere(Act.DIRECTIVE_REGISTER),
    "GET /api/v1/owed": somewhere(Act.DIRECTIVE_SEE),
    # plans and estimates: the act on the facility is asked when the thing has been read
    "GET /estimates": lists(Act.SCHEME_SEE),
    "POST /plans": somewhere(Act.SCHEME_MAKE),
    "GET /plans/{connection_plan_id}": somewhere(Act.SCHEME_SEE),
    "POST /plans/{connection_plan_id}/lines": somewhere(Act.SCHEME_MAKE),
    "POST /plans/{connection_plan_id}/agreements": somewhere(Act.SCHEME_AGREE),
    "POST /plans/{connection_plan_id}/estimate": somewhere(Act.ESTIMATE_MAKE),
    "GET /estimates/summary": lists(Act.ESTIMATE_SEE),
    "GET /estimates/summary.xlsx": lists(Act.ESTIMATE_SEE),
    "POST /estimates/quotes": somewhere(Act.ESTIMATE_MAKE),
    "GET /estimates/{estimate_id}": somewhere(Act.ESTIMATE_SEE),
    "POST /estimates/{estimate_id}/lines": somewhere(Act.ESTIMATE_MAKE),
    "POST /estimates/{estimate_id}/appraisal": somewhere(Act.ESTIMATE_APPRAISE),
    "POST /estimates/{estimate_id}/approval": somewhere(Act.ESTIMATE_APPROVE),
    "POST /estimates/{estimate_id}/steps": somewhere(Act.ESTIMATE_SEE),
    "POST /estimates/{estimate_id}/versions": somewhere(Act.ESTIMATE_MAKE),
    "GET /estimates/{estimate_id}/compare": somewhere(Act.ESTIMATE_SEE),
    "GET /estimates/{estimate_id}/file.xlsx": somewhere(Act.ESTIMATE_SEE),
    "GET /estimates/{estimate_id}/quotes/{quote_id}": somewhere(Act.ESTIMATE_SEE),
    "GET /prices": somewhere(Act.ESTIMATE_SEE),
    "GET /prices.xlsx": somewhere(Act.ESTIMATE_SEE),
    "POST /prices": system(Act.SETTINGS_EDIT),
    "GET /api/v1/plans": lists(Act.SCHEME_SEE),
    "POST /api/v1/plans": somewhere(Act.SCHEME_MAKE),
    "GET /api/v1/plans/{connection_plan_id}": somewhere(Act.SCHEME_SEE),
    "POST /api/v1/plans/{connection_plan_id}/lines": somewhere(Act.SCHEME_MAKE),
    "PUT /api/v1/plans/{connection_plan_id}/lines/{line_id}": somewhere(Act.SCHEME_MAKE),
    "POST /api/v1/plans/{connection_plan_id}/agreements": somewhere(Act.SCHEME_AGREE),
    "GET /api/v1/estimates": lists(Act.ESTIMATE_SEE),
    "POST /api/v1/estimates": somewhere(Act.ESTIMATE_MAKE),
    "GET /api/v1/estimates/summary": lists(Act.ESTIMATE_SEE),
    "GET /api/v1/estimates/{estimate_id}": somewhere(Act.ESTIMATE_SEE),
    "POST /api/v1/estimates/{estimate_id}/lines": somewhere(Act.ESTIMATE_MAKE),
    "PUT /api/v1/estimates/{estimate_id}/lines/{line_id}": somewhere(Act.ESTIMATE_MAKE),
    "PUT /api/v1/estimates/{estimate_id}/lines/{line_id}/appraisal": somewhere(
        Act.ESTIMATE_APPRAISE
    ),
    "PUT /api/v1/estimates/{estimate_id}/lines/{line_id}/approval": somewhere(Act.ESTIMATE_APPROVE),
    "POST /api/v1/estimates/{estimate_id}/steps": somewhere(Act.ESTIMATE_SEE),
    "POST /api/v1/estimates/{estimate_id}/return": somewhere(Act.ESTIMATE_SEE),
    "POST /api/v1/estimates/{estimate_id}/versions": somewhere(Act.ESTIMATE_MAKE),
    "GET /api/v1/estimates/{estimate_id}/changes": somewhere(Act.ESTIMATE_SEE),
    "GET /api/v1/prices": somewhere(Act.ESTIMATE_SEE),
    # measuring at a facility: who measures has no account yet, and nothing is kept
    "POST /api/v1/uplink": nobody(),
    # letters from data: the act is asked when the thing has been read
    "POST /estimates/{estimate_id}/letters": somewhere(Act.ESTIMATE_SEE),
    "POST /plans/{connection_plan_id}/letters": somewhere(Act.SCHEME_MAKE),
    "POST /duties/{duty_id}/reminder": somewhere(Act.DIRECTIVE_ASSIGN),
    "POST /api/v1/estimates/{estimate_id}/letters": somewhere(Act.ESTIMATE_SEE),
    "POST /api/v1/plans/{connection_plan_id}/letters": somewhere(Act.SCHEME_MAKE),
    "POST /api/v1/duties/{duty_id}/reminder": somewhere(Act.DIRECTIVE_ASSIGN),
    # papers: the act on the facility or unit is asked when the paper has been read
    "GET /papers": somewhere(Act.PAPER_SEE),
    "GET /papers/{paper_id}": somewhere(Act.PAPER_SEE),
    "GET /papers/{paper_id}/file.docx": somewhere(Act.PAPER_SEE),
    "GET /papers/{paper_id}/file.pdf": somewhere(Act.PAPER_SEE),
    "GET /papers/{paper_id}/signed.pdf": somewhere(Act.PAPER_SEE),
    "POST /papers/{paper_id}/issue": somewhere(Act.PAPER_ISSUE),
    "POST /papers/{paper_id}/steps": somewhere(Act.PAPER_SEE),
    "POST /papers/{paper_id}/recipients": somewhere(Act.PAPER_ISSUE),
    "GET /api/v1/papers": somewhere(Act.PAPER_SEE),
    "GET /api/v1/papers/{paper_id}": somewhere(Act.PAPER_SEE),
    "GET /api/v1/papers/{paper_id}/file.docx": somewhere(Act.PAPER_SEE),
    "GET /api/v1/papers/{paper_id}/file.pdf": somewhere(Act.PAPER_SEE),
    "GET /api/v1/papers/{paper_id}/signed.pdf": somewhere(Act.PAPER_SEE),
    "PUT /api/v1/papers/{paper_id}/signed.pdf": somewhere(Act.PAPER_ISSUE),
    "POST /api/v1/papers/{paper_id}/agreements": somewhere(Act.PAPER_AGREE),
    "POST /api/v1/papers/{paper_id}/withdrawal": somewhere(Act.PAPER_ISSUE),
    "POST /api/v1/papers/{paper_id}/recipients": somewhere(Act.PAPER_ISSUE),
    "PUT /api/v1/papers/{paper_id}/recipients/{recipient_id}": somewhere(Act.PAPER_ISSUE),
}
"""The routes of the chain, by method and path."""
