"""The typefaces of the sign at the door: src/vonggac/paper/fonts/sign/*, cut to its fixed texts.

Needs fontTools and the fonts of Debian's `fonts-noto-cjk` and `fonts-noto-core` (SIL Open Font
License 1.1), installed or unpacked below `--root`.  The letters are those of `rules/notices.toml`
with figures and a space; the rules by which Khmer and Lao are shaped are kept.  README.md beside
the files says from which files they were cut and what came out.  Run it again when a text changes:

    python scripts/sign_fonts.py [--root DIRECTORY]
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
TARGET = HERE / "src/vonggac/paper/fonts/sign"
NOTICES = HERE / "src/vonggac/rules/notices.toml"
CJK, CORE = "fonts-noto-cjk 1:20220127+repack1-1", "fonts-noto-core 20201225-1"
PACKAGES = {CJK: "share/fonts/opentype/noto", CORE: "share/fonts/truetype/noto"}

FACES: dict[str, tuple[str, str, str, int]] = {
    "zh": ("NotoSansCJKsc", CJK, "NotoSansCJK-{weight}.ttc", 2),
    "ko": ("NotoSansCJKkr", CJK, "NotoSansCJK-{weight}.ttc", 1),
    "ja": ("NotoSansCJKjp", CJK, "NotoSansCJK-{weight}.ttc", 0),
    "km": ("NotoSansKhmer", CORE, "NotoSansKhmer-{weight}.ttf", 0),
    "lo": ("NotoSansLao", CORE, "NotoSansLao-{weight}.ttf", 0),
}
"""By language: name of ours, package, its file, and which face of the file."""
WEIGHTS = ("Regular", "Bold")
FIXED = ("name", "title", "kept", "silent", "sound", "ask")
ALWAYS = " 0123456789"


def letters() -> dict[str, str]:
    """What each language's face must hold."""
    rows = tomllib.loads(NOTICES.read_text(encoding="utf-8"))["language"]
    return {
        row["code"]: "".join(
            sorted({*ALWAYS, *"".join(row[name].replace("{days}", "") for name in FIXED)})
        )
        for row in rows
    }


def cut(source: Path, face: int, text: str, target: Path) -> None:
    """One face, with the letters of a text; letters that join keep every rule by which they do."""
    features = "--layout-features=*" if source.suffix == ".ttf" else "--layout-features+=locl"
    subprocess.run(
        [
            sys.executable, "-m", "fontTools.subset", str(source), f"--font-number={face}",
            f"--text={text}", f"--output-file={target}", features,
            "--name-IDs=0,1,2,3,4,5,6,13,14", "--no-hinting", "--desubroutinize",
            "--notdef-outline",
        ],
        check=True,
    )  # fmt: skip


def main() -> int:
    """Cut every face, and write down what was cut from what."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--root", type=Path, default=Path("/usr"), help="where share/fonts lies")
    options = parser.parse_args()
    rows = []
    for code, text in letters().items():
        if code not in FACES:
            continue
        name, package, pattern, face = FACES[code]
        for weight in WEIGHTS:
            source = options.root / PACKAGES[package] / pattern.format(weight=weight)
            target = TARGET / f"{name}-{weight}{'.otf' if package == CJK else '.ttf'}"
            cut(source, face, text, target)
            rows.append(
                f"| `{target.name}` | {code} | {package}, `{source.name}` | "
                f"`{_digest(source)}` | `{_digest(target)}` |"
            )
    readme = TARGET / "README.md"
    head = readme.read_text(encoding="utf-8").partition("|---")[0]
    readme.write_text(head + "|---|---|---|---|---|\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return 0


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
