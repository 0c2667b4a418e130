"""The bill of materials is that of the lock file and of what lies in the tree."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import metadata, resources
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_bill_of_materials_is_as_new_as_the_lock_file() -> None:
    """Whoever changes a package or a vendored file runs scripts/sbom.py."""
    made = subprocess.run([sys.executable, ROOT / "scripts/sbom.py", "--check"], check=False)

    assert made.returncode == 0


def test_it_lists_what_runs_here_with_its_version() -> None:
    """Of every package that this program asks for by name; each once, and what is vendored."""
    told = json.loads(resources.files("vonggac").joinpath("sbom.cdx.json").read_text("utf-8"))
    packages = {
        one["purl"].removeprefix("pkg:pypi/").partition("@")[0]: one["version"]
        for one in told["components"]
        if "purl" in one
    }
    lines = metadata.requires("vonggac") or []
    asked = {
        re.sub(r"[-_.]+", "-", re.split(r"[\s;<>=!~\[]", line, maxsplit=1)[0]).lower()
        for line in lines
        if "extra ==" not in line
    }

    assert (told["bomFormat"], told["specVersion"]) == ("CycloneDX", "1.5")
    assert asked - set(packages) == set()
    assert packages["fastapi"] == metadata.version("fastapi")
    refs = [one["bom-ref"] for one in told["components"]]
    assert len(refs) == len(set(refs)) > 55
    assert any(one["name"] == "Noto Sans CJK" for one in told["components"])
