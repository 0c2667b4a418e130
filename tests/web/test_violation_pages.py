"""The catalogue of violations on its page and in the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx


async def test_the_catalogue_names_both_groups_that_the_letter_wants_watched(
    client: httpx.AsyncClient,
) -> None:
    """1664/UBND-VX: những người được cách ly và những người phục vụ, watched by camera."""
    page = (await client.get("/violations")).text
    found = (await client.get("/api/v1/violations")).json()
    groups = {code for one in found["violations"] for code in one["subjects"]}

    assert {"N", "P"} <= groups
    for one in found["violations"]:
        assert one["name"]["vi"] in page
    assert (found["on"], found["profile"]) == ("2026-11-18", "2026")


async def test_today_no_act_has_a_basis_and_the_page_says_so(client: httpx.AsyncClient) -> None:
    """What was never read is not claimed; in 2021 the documents of that time are cited."""
    today = (await client.get("/api/v1/violations")).json()["violations"]
    then = (await client.get("/api/v1/violations?on=12/06/2021")).json()
    page = (await client.get("/violations")).text
    old = (await client.get("/violations?on=12/06/2021")).text
    cited = {one["code"]: one for one in then["violations"] if one["status"] == "cited"}

    assert {one["status"] for one in today} == {"suggested"}
    assert page.count("chưa gắn căn cứ") > 22
    assert "1246/QĐ-BYT" not in page
    assert then["profile"] == "2021"
    assert set(cited) == {"N01", "N04", "N07", "P04", "K01", "K02", "C01", "C02", "C03", "C04"}
    assert cited["N01"]["bases"][0]["lines"] == ["paid_hotel"]
    assert cited["N01"]["bases"][0]["compared"] is False
    assert "1246/QĐ-BYT" in old
    assert "chưa đối chiếu bản gốc" in old


async def test_the_page_is_searched_without_marks(client: httpx.AsyncClient) -> None:
    page = (await client.get("/violations", params={"q": "khong deo", "subject": "P"})).text
    none = (await client.get("/violations", params={"q": "zzz"})).text

    assert 'id="P01"' in page
    assert 'id="N04"' not in page
    assert "Không có dòng nào khớp." in none


async def test_a_day_that_is_none_is_said_and_kept(client: httpx.AsyncClient) -> None:
    refused = await client.get("/violations", params={"on": "31/02/2021"})
    told = await client.get("/api/v1/violations", params={"on": "31/02/2021"})

    assert (refused.status_code, told.status_code) == (422, 422)
    assert 'value="31/02/2021"' in refused.text
