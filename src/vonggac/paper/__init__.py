"""Pages of paper: PDF in the layout of decree 30/2020, made from a template and values.

Templates are Typst (`*.typ` beside this file); values reach them as JSON and are never Typst, so
that nothing that a person typed is carried out.  The only typefaces are those beside this file.
"""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typst

from vonggac.errors import Kind, VonggacError
from vonggac.paper import layout

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vonggac.paper.letter import Letter

HERE = Path(str(resources.files("vonggac.paper")))

__all__ = ["official", "pdf", "png"]


def pdf(template: str, values: Mapping[str, Any]) -> bytes:
    """A document as PDF. Takes some 0.2 s: for a worker thread.

    Args:
        template: name of a template, without its ending.
        values: what stands in it; JSON's types only.

    Raises:
        VonggacError: INTERNAL, the template cannot be set with these values.
    """
    return _set(template, values, "pdf")


def official(letter: Letter) -> bytes:
    """A document of decree 30/2020 as PDF, in the shipped layout; `word.document` makes the .docx.

    Args:
        letter: complete (`letter.faults` finds nothing).
    """
    told = layout.arrange(letter).as_json()
    told |= {
        "sizes": {part: style.size for part, style in layout.STYLES.items()},
        "state": layout.STATE,
        "motto": layout.MOTTO,
        "author": letter.issuer.name,
        "about_title": letter.subject,
    }
    return pdf("official", told)


def png(template: str, values: Mapping[str, Any], *, pixels_per_inch: float) -> bytes:
    """The first page of a document as PNG, its paper transparent if the template says so.

    Raises:
        VonggacError: as `pdf`.
    """
    return _set(template, values, "png", ppi=pixels_per_inch)


def _set(template: str, values: Mapping[str, Any], kind: str, **settings: Any) -> bytes:
    try:
        made = typst.compile(
            HERE / f"{template}.typ",
            root=HERE,
            font_paths=[HERE / "fonts"],
            ignore_system_fonts=True,
            format=kind,  # type: ignore[call-overload]
            sys_inputs={"values": json.dumps(values)},
            **settings,
        )
    except typst.TypstError as error:
        raise VonggacError(
            Kind.INTERNAL, f"the page {template} cannot be set: {error.message}"
        ) from error
    page: bytes = made[0] if isinstance(made, list) else made
    return page
