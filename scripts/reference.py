"""The pages of docs that are generated, whole or in their second half.

Whole: docs/ref/{config,cli,schema}.md.  In half: docs/ref/http-api.md (routes) and
docs/guide/cameras.md (makers).
`make docs` runs it.  What it prints comes from the source: fields and their docstrings, parsers of
the command line, comments of the database's columns, the rules.  With `--check` it writes nothing
and exits 1 if a page is older than its source; a test does the same.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import re
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fastapi
import msgspec
import sqlalchemy as sa

from vonggac import cli, config
from vonggac.db import tables
from vonggac.web import errors
from vonggac.web.app import ROUTERS

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).resolve().parents[1] / "docs"
RULES = Path(config.__file__).parent / "rules"

MADE = "<!-- Made by scripts/reference.py from {source}: change it there, then run `make docs`. -->"

MAKERS = (
    "<!-- Below this line: made by scripts/reference.py from src/vonggac/rules/makers.toml. -->"
)

ROUTES = "<!-- Below this line: made by scripts/reference.py from src/vonggac/web. -->"

TABLES: tuple[tuple[str, type[msgspec.Struct]], ...] = (
    ("(top of the file)", config.Config),
    ("[site]", config.SiteConfig),
    ("[hub]", config.HubConfig),
    ("[parent]", config.ParentConfig),
    ("[[cameras]]", config.CameraConfig),
    ("[cameras.main] and [cameras.sub]", config.StreamConfig),
    ("password", config.SecretRef),
    ("[record]", config.RecordConfig),
    ("[retention]", config.RetentionConfig),
    ("[power]", config.PowerConfig),
    ("[acceptance]", config.AcceptanceConfig),
    ("[web]", config.WebConfig),
    ("[web.tls]", config.TlsConfig),
    ("[sign_in]", config.SignInConfig),
    ("[audit]", config.AuditConfig),
    ("[bus]", config.BusConfig),
    ("[enrolment]", config.EnrolmentConfig),
    ("[mail]", config.MailConfig),
    ("[report]", config.ReportConfig),
)
"""Every table of the file, in the order that a person writes it."""


def config_page() -> str:
    """Every field with its type, default and meaning."""
    lines = [
        "# Configuration",
        "",
        MADE.format(source="src/vonggac/config.py"),
        "",
        "`vonggac up --config FILE` reads one TOML file.",
        "A field that is not on this page stops the program, which names it.",
        "Secrets are never in the file: it says where they are.",
        "[examples/vonggac.toml](../../examples/vonggac.toml) is a whole file with comments.",
    ]
    said = _docstrings(Path(config.__file__))
    for title, struct in TABLES:
        heading = "Top of the file" if title.startswith("(") else f"`{title}`"
        lines += ["", f"## {heading}", "", _split(said[struct.__name__]), ""]
        lines += ["| field | is | default | meaning |", "|---|---|---|---|"]
        for field in msgspec.structs.fields(struct):
            meaning = said[f"{struct.__name__}.{field.name}"]
            default = "required" if field.required else _default(field)
            kind = _kind(msgspec.inspect.type_info(field.type))
            lines.append(f"| `{field.name}` | {kind} | {default} | {_cell(meaning)} |")
    return "\n".join(lines) + "\n"


def cli_page() -> str:
    """Every subcommand with its words."""
    lines = [
        "# Command line",
        "",
        MADE.format(source="the program's own parsers"),
        "",
        "With `--json` a command prints one JSON object as its last line of stdout,"
        " also when it refuses.",
        "Logs go to stderr.",
        "Exit codes: 0 fine, 1 a negative finding, 2 wrong use or configuration.",
        "Times are RFC 3339 in UTC, durations seconds.",
        "",
        "Before the subcommand stand `--log-level`, `--log-json` and `--version`.",
        "Levels are debug, info, warning and error; the default is info, or what the variable"
        " `VONGGAC_LOG` says.",
    ]
    for name, parser in parsers().items():
        summary = cli.SUBCOMMANDS[name].summary
        lines += ["", f"## vonggac {name}", "", f"{summary[0].upper()}{summary[1:]}.", ""]
        rows = list(_options(parser))
        if rows:
            lines += ["| word | default | meaning |", "|---|---|---|", *rows]
        if parser.epilog:
            lines += ["", "```text", parser.epilog.rstrip(), "```"]
    return "\n".join(lines).replace("\n\n\n", "\n\n") + "\n"


def schema_page() -> str:
    """Every table of the hub's database with its columns."""
    lines = [
        "# Schema of the hub's database",
        "",
        MADE.format(source="src/vonggac/db/tables.py"),
        "",
        "SQLite or PostgreSQL; times are integers of ns since 1970, in columns that end in `_ns`.",
        "Recordings and the edge's catalog are not in it.",
    ]
    for table in tables.metadata.sorted_tables:
        lines += ["", f"## {table.name}", "", _sentence(table.comment or ""), ""]
        lines += ["| column | type | is |", "|---|---|---|"]
        for column in table.columns:
            kind = str(column.type.compile(dialect=sa.create_engine("sqlite://").dialect)).lower()
            marks = [kind, "key"] if column.primary_key else [kind]
            marks += ["may be null"] if column.nullable else []
            lines.append(
                f"| `{column.name}` | {', '.join(marks)} | {_cell(column.comment or '')} |"
            )
    return "\n".join(lines) + "\n"


def cameras_page() -> str:
    """The guide to cameras: its head is written by hand, its makers come from the rules."""
    head, mark, _ = (DOCS / "guide" / "cameras.md").read_text(encoding="utf-8").partition(MAKERS)
    rules = tomllib.loads((RULES / "makers.toml").read_text(encoding="utf-8"))
    lines = [head + mark]
    for maker in rules["maker"]:
        lines += ["", f"### {maker['name']}", ""]
        if "also" in maker:
            lines += [f"Cũng là / also: {', '.join(maker['also'])}.", ""]
        for text in (maker["enable_vi"], maker["enable_en"]):
            lines += [_split(text), ""]
        verified = {"tài liệu": "read in a document", "chưa kiểm chứng": "not verified"}
        lines += ["| stream | address |", "|---|---|"]
        for form in maker["form"]:
            for stream in ("main", "sub"):
                if stream in form:
                    path = form["path"].replace("{stream}", form[stream]).replace("{channel}", "1")
                    note = f", {form['note']}" if "note" in form else ""
                    address = f"rtsp://192.0.2.11:{maker['rtsp_port']}{path}"
                    lines.append(f"| {stream} | `{address}`{note} |")
        said = maker["verified"]
        lines += [
            "",
            f"ONVIF: {maker['onvif_port']}.",
            f"{_sentence(f'{said} / {verified[said]}')}",
        ]
    return "\n".join(lines) + "\n"


def api_page() -> str:
    """The API: its head is written by hand, its routes come from the program."""
    head, mark, _ = (DOCS / "ref" / "http-api.md").read_text(encoding="utf-8").partition(ROUTES)
    app = fastapi.FastAPI()
    for routes in ROUTERS:
        app.include_router(routes)
    told = app.openapi()
    lines = [head + mark, "", "## Errors", "", "| kind | status |", "|---|---|"]
    lines += [f"| `{kind}` | {status} |" for kind, status in errors.STATUS.items()]
    lines += ["", "## Routes"]
    for path, methods in told["paths"].items():
        for method, route in methods.items():
            lines += ["", f"### {method.upper()} {path}", "", _split(route["description"])]
            rows = [
                f"| `{one['name']}` | {one['in']} | {_schema(one['schema'])} |"
                for one in route.get("parameters", ())
            ]
            body = route.get("requestBody", {}).get("content", {}).get("application/json")
            if body is not None:
                named = body["schema"]["$ref"].rpartition("/")[2]
                shape = told["components"]["schemas"][named]
                needed = shape.get("required", ())
                rows += [
                    f"| `{name}` | body{'' if name in needed else ', may be left out'} |"
                    f" {_schema(field)} |"
                    for name, field in shape["properties"].items()
                ]
            if rows:
                lines += ["", "| name | in | is |", "|---|---|---|", *rows]
    return "\n".join(lines) + "\n"


def _schema(field: dict[str, Any]) -> str:
    if "anyOf" in field:
        shapes = [one for one in field["anyOf"] if one.get("type") != "null"]
        return " or ".join(map(_schema, shapes)) + " or null"
    if "const" in field:
        return f"`{field['const']}`"
    if "$ref" in field:
        return f"object ({field['$ref'].rpartition('/')[2]})"
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if field.get("type") == "array":
        return f"list of {_schema(field['items'])}"
    said = {"string": "text", "boolean": "`true` or `false`", "number": "number",
            "integer": "whole number", "object": "object of texts"}[field["type"]]  # fmt: skip
    if "maxLength" in field:
        said += f", at most {field['maxLength']} characters"
    if "description" in field and field["description"] != "RFC 3339":
        said += f"; {field['description']}"
    return said


PAGES = {
    "ref/http-api.md": api_page,
    "ref/config.md": config_page,
    "ref/cli.md": cli_page,
    "ref/schema.md": schema_page,
    "guide/cameras.md": cameras_page,
}


def parsers() -> dict[str, argparse.ArgumentParser]:
    """The parser of each subcommand, with its options."""
    made = {}
    for name, subcommand in cli.SUBCOMMANDS.items():
        made[name] = argparse.ArgumentParser(prog=f"vonggac {name}")
        importlib.import_module(subcommand.module).add_arguments(made[name])
    return made


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        if isinstance(action, argparse._HelpAction):
            continue
        words = ", ".join(action.option_strings) or str(action.metavar or action.dest)
        if action.option_strings and action.nargs != 0:
            value = action.metavar or "{" + ",".join(map(str, action.choices or ())) + "}"
            words += f" {value}"
        more = {"+": ", one or more", "*": ", any number"}.get(str(action.nargs), "")
        optional = action.nargs in ("*", "?") or action.option_strings
        if not optional or (action.option_strings and action.required):
            default = "required"
        elif action.default in (None, False, "", []):
            default = ""
        else:
            default = f"`{action.default}`"
        meaning = (action.help or "").replace("%(default)s", str(action.default))
        yield f"| `{_cell(words)}`{more} | {default} | {_cell(meaning)} |"


def _docstrings(path: Path) -> dict[str, str]:
    """Docstring of each class and of each of its fields, by `Class` and `Class.field`."""
    found = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            found[node.name] = " ".join((ast.get_docstring(node) or "").split())
            for field, after in zip(node.body, node.body[1:], strict=False):
                if (
                    isinstance(field, ast.AnnAssign)
                    and isinstance(field.target, ast.Name)
                    and isinstance(after, ast.Expr)
                    and isinstance(after.value, ast.Constant)
                ):
                    text = " ".join(str(after.value.value).split())
                    found[f"{node.name}.{field.target.id}"] = text
    return found


def _default(field: msgspec.structs.FieldInfo) -> str:
    value = field.default
    if value in (None, (), msgspec.NODEFAULT) or isinstance(value, msgspec.Struct):
        return ""
    return f"`{msgspec.json.encode(value).decode()}`"


def _kind(shape: msgspec.inspect.Type) -> str:
    match shape:
        case msgspec.inspect.UnionType(types=types):
            return " or ".join(
                _kind(one) for one in types if not isinstance(one, msgspec.inspect.NoneType)
            )
        case msgspec.inspect.LiteralType(values=values):
            return " or ".join(f"`{value!r}`".replace("'", '"') for value in values)
        case msgspec.inspect.StrType(pattern=pattern):
            return f"text, `{pattern}`" if pattern else "text"
        case msgspec.inspect.IntType(ge=low, le=high) | msgspec.inspect.FloatType(ge=low, le=high):
            kind = "whole number" if isinstance(shape, msgspec.inspect.IntType) else "number"
            bounds = f" from {low:g}" if low is not None else ""
            return kind + bounds + (f" to {high:g}" if high is not None else "")
        case msgspec.inspect.BoolType():
            return "`true` or `false`"
        case msgspec.inspect.StructType(cls=cls):
            return f"table, see {_link(cls)}"
        case msgspec.inspect.VarTupleType(item_type=item):
            return f"list of {_kind(item)}"
        case msgspec.inspect.DictType(value_type=value):
            return f"table of {_kind(value)}, by name"
    raise ValueError(f"no words for {shape}")


def _link(struct: type) -> str:
    title = next(title for title, one in TABLES if one is struct)
    anchor = re.sub(r"[^\w -]", "", title).replace(" ", "-").lower()
    return f"[`{title}`](#{anchor})"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _split(text: str) -> str:
    return re.sub(r"\.\s+(?=[A-ZĐÀ-Ỹ])", ".\n", text)


def _sentence(text: str) -> str:
    text = " ".join(text.split())
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith((".", "!")) else ".")


def main() -> int:
    """Write the pages, or compare them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if a page is old")
    options = parser.parse_args()
    code = 0
    for name, page in PAGES.items():
        path = DOCS / name
        text = page()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            if options.check:
                print(f"docs/{name} is older than its source: run `make docs`")
                code = 1
            else:
                path.write_text(text, encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main())
