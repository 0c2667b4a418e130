"""What people who are filmed read and send, without an account; and how the notice is written."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

import pytest

from hub_stage import NOW_NS, ORIGIN, SITE_ID, browser
from vonggac.db import tables
from vonggac.domain import audit, notices, requests
from vonggac.domain.exports import Someone
from vonggac.web import limits, security
from vonggac.web.app import ASK_BURST, PAGE_BURST

if TYPE_CHECKING:
    import httpx

    from hub_stage import Stage

DRAFT = {"operator": "KS Mường Hoa", "contact": "lễ tân, 0200 000 000", "purpose": "an ninh"}


def public(hub: Stage) -> str:
    """The notice is written; the address of its page."""
    with hub.database.writing() as connection:
        notice = notices.save(
            connection, SITE_ID, notices.Draft(**DRAFT), by=Someone("1", "admin"), now_ns=NOW_NS
        )
    return f"/thong-bao/{notice.public_id}"


async def form_token(client: httpx.AsyncClient) -> str:
    answer = await client.get("/api/v1/session")
    return str(answer.json()["csrf_token"])


def text_of(answer: httpx.Response) -> str:
    return html.unescape(re.sub(r"<[^>]+>", " ", answer.text))


async def test_the_public_page_says_what_the_cameras_do_and_nothing_of_where_they_are(
    hub: Stage, guest: httpx.AsyncClient
) -> None:
    answer = await guest.get(public(hub))

    said = text_of(answer)
    assert answer.status_code == 200
    for word in ("KS Mường Hoa", "lễ tân, 0200 000 000", "30 ngày", "không ghi âm", "Hành lang"):
        assert word in said
    assert "chưa đối chiếu bản gốc" in said
    for hidden in ("192.0.2.", "rtsp", "hl-2a", "HL-2A", "tầng 2, đông", SITE_ID, "Bờ Sông"):
        assert hidden not in answer.text
    assert (await guest.get("/thong-bao/nothing")).status_code == 404
    assert (await guest.get(f"/thong-bao/{SITE_ID}")).status_code == 404


async def test_sound_that_is_on_is_said(hub: Stage, guest: httpx.AsyncClient) -> None:
    """The notice must not say what the configuration does not keep."""
    address = public(hub)
    with hub.database.writing() as connection:
        connection.execute(
            tables.camera.update().where(tables.camera.c.name == "cg-1").values(audio=True)
        )

    said = text_of(await guest.get(address))
    assert "có ghi âm" in said
    assert "không ghi âm" not in said


async def test_views_are_numbers_by_month_body_and_purpose(
    hub: Stage, guest: httpx.AsyncClient
) -> None:
    address = public(hub)
    with hub.database.writing() as connection:
        account = connection.execute(tables.account.select()).first()
        assert account is not None
        connection.execute(
            tables.viewing.insert().values(
                id="v", account_id=account.id, site_id=SITE_ID, cameras=["hl-2a"],
                purpose="request: 12/CV-CAT", began_ns=NOW_NS - 1, until_ns=NOW_NS,
            )
        )  # fmt: skip

    said = text_of(await guest.get(address))
    assert re.search(r"11/2026\s+đơn vị quản lý\s+theo văn bản yêu cầu\s+1\b", said)
    assert "12/CV-CAT" not in said
    assert "admin" not in said


async def test_a_stranger_asks_and_reads_the_answer_with_the_code(
    hub: Stage, guest: httpx.AsyncClient
) -> None:
    address = public(hub)
    sent = await guest.post(address, data={"kind": "copy", "said": "Cổng, 8 giờ <b>sáng</b>"})
    code = re.search(r"(?:[2-9A-Z]{4}-){3}[2-9A-Z]{4}", sent.text)
    assert sent.status_code == 200
    assert code is not None
    with hub.database.writing() as connection:
        (found,) = requests.listed(connection, [SITE_ID], now_ns=NOW_NS)
        requests.answer(connection, found.id, said="Mời đến lễ tân.", refused=False,
                        actor=audit.Actor("van-thu"), now_ns=NOW_NS)  # fmt: skip

    right = text_of(await guest.post(f"{address}/tra-cuu", data={"code": code[0].lower()}))
    wrong = text_of(await guest.post(f"{address}/tra-cuu", data={"code": "2222-2222"}))
    assert "Mời đến lễ tân." in right
    assert "Đã trả lời" in right
    assert "Không có yêu cầu nào mang mã này." in wrong
    assert "<b>sáng" not in right + sent.text
    with hub.database.reading() as connection:
        rows = audit.rows(connection, audit.Filter(act="request_received"))
    assert [(row.actor, row.account_id, row.site) for row in rows] == [("-", None, SITE_ID)]


async def test_the_form_says_what_is_wrong_and_keeps_what_was_typed(
    hub: Stage, guest: httpx.AsyncClient
) -> None:
    answer = await guest.post(public(hub), data={"kind": "x", "said": "tôi", "contact": "y" * 201})

    assert answer.status_code == 422
    assert "Quá dài." in answer.text
    assert ">tôi</textarea>" in answer.text


async def test_another_sites_page_cannot_send_the_form(
    hub: Stage, guest: httpx.AsyncClient
) -> None:
    address = public(hub)
    for headers in ({"origin": "https://evil.invalid"}, {"sec-fetch-site": "cross-site"}):
        answer = await guest.post(address, data={"kind": "copy", "said": "x"}, headers=headers)
        assert answer.status_code == 403
    answer = await guest.post(
        address, data={"kind": "copy", "said": "x"}, headers={"origin": ORIGIN}
    )
    assert answer.status_code == 200


async def test_the_form_is_limited_for_each_address(hub: Stage) -> None:
    address = public(hub)
    async with browser(hub, "192.0.2.50") as loud, browser(hub, "192.0.2.51") as other:
        said = [
            (await loud.post(address, data={"kind": "copy", "said": "x"})).status_code
            for _ in range(12)
        ]
        assert said == [200] * 10 + [429] * 2
        answer = await other.post(address, data={"kind": "copy", "said": "x"})
        assert answer.status_code == 200


async def test_the_page_is_limited_for_each_address(hub: Stage) -> None:
    """Each reading counts months of views; whoever reloads for ever waits, and nobody else."""
    address = public(hub)
    async with browser(hub, "2001:db8::1") as loud, browser(hub, "2001:db8:0:1::1") as other:
        said = [(await loud.get(address)).status_code for _ in range(PAGE_BURST + 2)]
        assert said == [200] * PAGE_BURST + [429] * 2
        async with browser(hub, "2001:db8::2") as same_line:
            assert (await same_line.get(address)).status_code == 429
        assert (await other.get(address)).status_code == 200
        await hub.clock.advance(1)  # type: ignore[attr-defined]
        assert (await loud.get(address)).status_code == 200


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.50", "192.0.2.50"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.50", "192.0.2.50"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_an_allowance_belongs_to_a_line(address: str, expected: str) -> None:
    """An IPv6 line has 2**64 addresses, each of which would have an allowance of its own."""
    assert limits.holder(address) == expected


async def test_the_administrator_writes_the_notice_and_prints_the_sign(
    hub: Stage, client: httpx.AsyncClient
) -> None:
    token = await form_token(client)
    assert "Chưa có biển báo." in (await client.get("/notices")).text
    assert (await client.get(f"/notices/{SITE_ID}/sign.pdf")).status_code == 404

    wrong = await client.post("/notices", data={"form_token": token, "site": SITE_ID})
    assert wrong.status_code == 422
    saved = await client.post("/notices", data={"form_token": token, "site": SITE_ID, **DRAFT})
    assert saved.status_code == 303
    page = await client.get(saved.headers["location"])
    assert DRAFT["contact"] in page.text
    sign = await client.get(f"/notices/{SITE_ID}/sign.pdf")
    assert sign.headers["content-type"] == "application/pdf"
    assert sign.content.startswith(b"%PDF-")


async def test_a_program_reads_and_an_administrator_writes_the_notice(
    client: httpx.AsyncClient, guest: httpx.AsyncClient
) -> None:
    """By the API; what the cameras do is told before anybody wrote a word."""
    path = f"/api/v1/notices/{SITE_ID}"
    before = (await client.get(path)).json()
    head = {"X-CSRF-Token": await form_token(client)}
    bare = await client.put(path, json={**DRAFT, "operator": " "}, headers=head)
    made = (await client.put(path, json=DRAFT, headers=head)).json()
    public = await guest.get(made["written"]["public_page"])
    sign = await client.get(f"{path}/sign.pdf")

    assert (before["written"], before["cameras"], before["sound"]) == (None, 9, False)
    assert (bare.status_code, bare.json()["error"]["detail"]["fields"]) == (
        422, {"operator": "required"},
    )  # fmt: skip
    assert made["written"]["contact"] == DRAFT["contact"]
    assert made["languages"] == ["vi", "en", "fr", "zh", "ko", "ja", "km", "lo"]
    assert (await client.get("/api/v1/notices")).json()["notices"] == [made]
    assert (public.status_code, sign.content[:5]) == (200, b"%PDF-")
    assert (await client.get("/api/v1/notices/nothing")).status_code == 404
    assert (await guest.get(path)).status_code == 401


async def test_the_log_of_deletions_is_on_the_page(hub: Stage, client: httpx.AsyncClient) -> None:
    """Retention deletes by itself; who answers for the site reads what it deleted."""
    with hub.database.writing() as connection:
        audit.record(
            connection, audit.Actor("retention"), audit.Act.DELETED, now_ns=NOW_NS, thing="age",
            site=SITE_ID, detail={"camera": "cg-1", "stream": "main", "from_ns": NOW_NS - 10**12,
                                  "to_ns": NOW_NS - 10**11, "segments": 60, "bytes": 4_000_000},
        )  # fmt: skip

    said = text_of(await client.get("/notices"))
    assert "CG-1" in said
    assert "4,0 MB" in said


async def test_bytes_that_measure_a_line_are_counted_and_bounded(
    guest: httpx.AsyncClient,
) -> None:
    """A surveyor has no account yet; whoever has none may not keep the hub busy."""
    path = "/api/v1/uplink"
    first = await guest.post(path, content=b"x" * 300_000)
    long = await guest.post(path, content=b"x" * (security.LONG_BODIES[path] + 1))
    said = [(await guest.post(path, content=b"x")).status_code for _ in range(ASK_BURST)]

    assert first.json() == {"received": 300_000}
    assert long.status_code == 413
    assert said[-1] == 429
