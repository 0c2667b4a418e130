"""Schemathesis over the whole API, on the real server, asked by four people and by nobody.

What the OpenAPI document promises is held against what is answered: no failure, no status, type or
shape that is not documented, nothing of the inside, nothing of another unit.  Operations come from
the document, so that a new one is tried without a line here.
`VONGGAC_SCHEMATHESIS=300` tries so many generated cases of each operation.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from schemathesis.core.failures import Failure, FailureGroup
from two_units import ALL, DUTY, MARK, NO_ROLE, A, Two, faults, put_up

from hub_stage import stage
from vonggac.web import serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(3_000)

EXAMPLES = int(os.environ.get("VONGGAC_SCHEMATHESIS", "2"))
CHECKS = [
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]


@dataclass
class Api:
    """The API of a running hub, as its document describes it."""

    two: Two
    origin: str
    schema: Any
    wrong: dict[str, str] = field(default_factory=dict)
    answers: Counter[int] = field(default_factory=Counter)
    session: requests.Session = field(default_factory=requests.Session)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A hub on its own thread, with a box that answers."""
    made: list[tuple[Two, str]] = []
    up, down = threading.Event(), threading.Event()
    running = threading.Thread(
        target=lambda: asyncio.run(_run(tmp_path_factory.mktemp("hub"), made, up, down))
    )
    running.start()
    assert up.wait(30)
    two, origin = made[0]
    schema = schemathesis.openapi.from_url(f"{origin}/api/v1/openapi.json")
    found = Api(two, origin, schema)
    yield found
    found.session.close()
    down.set()
    running.join(30)


async def _run(
    folder: Path, made: list[tuple[Two, str]], up: threading.Event, down: threading.Event
) -> None:
    async with stage(folder, cameras=False) as hub:
        made.append((await asyncio.to_thread(put_up, hub), ""))
        listener = serve.listen("127.0.0.1", 0)
        made[0] = (made[0][0], f"http://127.0.0.1:{listener.getsockname()[1]}")
        stop = asyncio.Event()
        serving = asyncio.create_task(serve.serve(hub.app, listener, stop=stop))
        box = await hub.box()
        up.set()
        await asyncio.to_thread(down.wait)
        await box.stop()
        stop.set()
        await serving


def ask(api: Api, case: Any, person: str | None) -> None:
    """Send a case as this person, and note what is wrong with the answer."""
    where = f"{case.operation.label} as {person}"
    for _ in range(2):
        cookies = "; ".join(f"{name}={value}" for name, value in api.two.cookies(person).items())
        headers = {"Cookie": cookies} if cookies else {}
        response = case.call(session=api.session, headers=headers, timeout=20)
        if not api.two.has_ended(person, response.status_code, ""):
            break
    api.answers[response.status_code] += 1
    told = {key: ", ".join(values) for key, values in response.headers.items()}
    asked = str(case.as_curl_command())[:400]
    for fault in faults(response.status_code, told, response.content, person):
        api.wrong.setdefault(f"{where}: {fault[:60]}", f"{fault}\n   {asked}")
    try:
        case.validate_response(response, checks=CHECKS)
    except FailureGroup as group:
        for one in group.exceptions:
            title = one.title if isinstance(one, Failure) else repr(one)
            api.wrong.setdefault(f"{where}: {title}", f"{str(one)[:600]}\n   {asked}")


def own_things(api: Api, person: str | None, case: Any, choice: int) -> None:
    """Put real things into the path: one's own, the other unit's, or what was generated."""
    ids = {1: api.two.own, 2: api.two.ids}.get(choice)
    # What the hub cannot reach, those who may see it are told so: 503, which is not what is tried.
    if ids is None or (ids is api.two.ids and person == ALL):
        return
    for name in case.path_parameters:
        if name in ids:
            case.path_parameters[name] = ids[name]


def tried(api: Api, operation: Any, others: Iterator[str | None]) -> None:
    """Generated cases of one operation, right ones and wrong ones, each asked by several people."""
    for mode in GenerationMode:

        @settings(
            max_examples=EXAMPLES,
            database=None,
            deadline=None,
            derandomize=EXAMPLES < 100,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode), choice=st.integers(0, 2))
        def one(case: Any, choice: int) -> None:
            for person in (ALL, A, next(others)):
                own_things(api, person, case, choice)
                ask(api, case, person)

        try:
            one()
        except Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE, f"{operation.label} cannot be asked rightly"


def test_every_operation_answers_as_documented_and_tells_nothing_else(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    """Right and wrong requests, with own, foreign and invented things in their paths."""
    others = itertools.cycle((DUTY, NO_ROLE, None))
    operations = [found.ok() for found in api.schema.get_all_operations()]
    for operation in operations:
        tried(api, operation, others)

    with capsys.disabled():
        print(f"\nschemathesis: {len(operations)} operations, {api.answers.total()} requests, "
              f"{dict(sorted(api.answers.items()))}, {len(api.wrong)} wrong")  # fmt: skip
    assert "\n".join(f"{where}\n   {said}" for where, said in api.wrong.items()) == ""
    assert len(operations) > 40


def test_the_mark_of_the_other_unit_is_found_where_it_may_be_read(api: Api) -> None:
    """The test of these tests: who may see everything is told, so the search can find."""
    answer = requests.get(f"{api.origin}/api/v1/cameras", cookies=api.two.cookies(ALL), timeout=20)

    assert MARK in answer.text
