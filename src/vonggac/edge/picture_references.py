"""Reference pictures on the box's disk: what each camera should show, and who approved it.

`references/CAMERA/NAME.pgm` below the recording directory; a name that contains `night` says when
it holds.  The file is a portable graymap that every image viewer opens.  Its second line names who
approved it: a file without that line only stands in, and the box does not judge by it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from vonggac.edge.picture_health import MAX_REFERENCES, CameraHealth, Reference
from vonggac.edge.picture_measures import HEIGHT, WIDTH
from vonggac.errors import ConfigError, VonggacError

if TYPE_CHECKING:
    from pathlib import Path

FOLDER: Final = "references"
MAX_NAME: Final = 100
"""Characters of the name of who approved."""
_PIXELS: Final = WIDTH * HEIGHT
_HEAD: Final = re.compile(rb"P5\n(?:# approved by ([^\n]{1,400})\n)?%d %d\n255\n" % (WIDTH, HEIGHT))


def write(path: Path, reference: Reference) -> None:
    """Keep a reference picture; the folder is made, an older file replaced at once.

    Raises:
        ConfigError: the name of who approved is too long or not one line, or the disk refuses.
    """
    by = reference.approved_by
    if len(by) > MAX_NAME or not by.isprintable():
        raise ConfigError(f"a name has at most {MAX_NAME} characters, in one line")
    head = f"P5\n# approved by {by}\n" if by else "P5\n"
    data = f"{head}{WIDTH} {HEIGHT}\n255\n".encode() + reference.luma
    fresh = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_bytes(data)
        fresh.replace(path)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error


def read(path: Path) -> Reference:
    """A reference picture as `write` left it.

    Raises:
        ConfigError: it cannot be read, is none, or shows too little to judge by.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_PIXELS + 1000)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    head = _HEAD.match(data)
    if head is None or len(data) - head.end() != _PIXELS:
        raise ConfigError(f"{path} is no reference: make one with vonggac picture --keep")
    by = (head[1] or b"").decode("utf-8", "replace")
    reference = Reference(data[head.end() :], approved_by=by, night="night" in path.stem)
    try:
        CameraHealth(references=(reference,))
    except VonggacError as error:
        raise ConfigError(f"{path}: {error.message}") from error
    return reference


def approved(directory: Path, camera: str) -> tuple[list[Reference], list[str]]:
    """The reference pictures of a camera that somebody approved, and what is wrong with others.

    Args:
        directory: the recording directory.
        camera: its name.
    """
    found: list[Reference] = []
    wrong: list[str] = []
    for path in sorted((directory / FOLDER / camera).glob("*.pgm"))[: 4 * MAX_REFERENCES]:
        try:
            reference = read(path)
        except ConfigError as error:
            wrong.append(error.message)
            continue
        if not reference.approved_by:
            wrong.append(f"{path} says not who approved it: keep it with --by NAME")
        elif len(found) >= MAX_REFERENCES:
            wrong.append(f"{path} is one too many: at most {MAX_REFERENCES} count")
        else:
            found.append(reference)
    return found, wrong
