"""The reference works with no other host than ours, under a policy that allows nothing inline."""

import re

import httpx
import pytest

from helpdesk_api.web.openapi.vocabulary import problem_classes

_SOURCE = re.compile(r'(?:src|href)="([^"]+)"')


async def test_reference_and_everything_that_it_loads_is_served(
    client: httpx.AsyncClient,
) -> None:
    page = await client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    sources = _SOURCE.findall(page.text)
    assert "/openapi.json" in sources
    assert any(source.endswith("swagger-ui-bundle.js") for source in sources)
    for source in sources:
        assert source.startswith("/"), "another host"
        answer = await client.get(source)
        assert answer.status_code == 200, source
        assert answer.content


async def test_policy_allows_nothing_inline_and_no_other_host(
    client: httpx.AsyncClient,
) -> None:
    page = await client.get("/docs")
    policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert not re.search(r"<script(?![^>]*src=)|<style|\son\w+=|style=", page.text)


async def test_script_of_the_reference_names_no_other_host(
    client: httpx.AsyncClient,
) -> None:
    script = (await client.get("/docs/docs.js")).text
    assert "//" not in re.sub(r"^\s*//.*$", "", script, flags=re.MULTILINE)
    assert "validatorUrl: null" in script


@pytest.mark.parametrize("name", ["nothing.js", "..%2f..%2fdocs.py", "docs.html"])
async def test_only_listed_files_are_served(client: httpx.AsyncClient, name: str) -> None:
    answer = await client.get(f"/docs/{name}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_every_code_has_a_page_that_its_problems_name(
    client: httpx.AsyncClient,
) -> None:
    listed = (await client.get("/v1/problems")).json()["data"]
    assert {one["code"] for one in listed} == set(problem_classes())
    for one in listed:
        assert one["cause"]
        assert one["remedy"]
        page = await client.get(one["url"])
        assert page.status_code == 200
        assert one["code"] in page.text


async def test_page_of_an_unknown_code_is_a_404(client: httpx.AsyncClient) -> None:
    answer = await client.get("/problems/%3Cscript%3E")
    assert (answer.status_code, answer.json()["code"]) == (
        404,
        "problem_type_not_found",
    )
