"""The language of a text: shown, asked for, ruled by; and null rather than a guess."""

import httpx
import pytest

from helpdesk_api.domains.classification.languages import detect

GERMAN = {"subject": "Der Drucker druckt nicht", "description": "Seit heute Morgen kommen nur leere Seiten heraus."}
ENGLISH = {"subject": "The printer does not print", "description": "Only blank pages come out since this morning."}


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (" ".join(GERMAN.values()), "de"),
        (" ".join(ENGLISH.values()), "en"),
        ("No puedo entrar en mi correo desde esta mañana, ¿me ayudan?", "es"),
        ("Não consigo aceder ao meu correio desde hoje de manhã", "pt"),
        ("Je ne peux plus imprimer depuis ce matin, aidez-moi", "fr"),
        ("Laptop", None),
        ("", None),
        ("```\nTraceback (most recent call last): File main.py line 3\n```", None),
        ("https://example.test/printer/does/not/work/at/all", None),
        ("12345 67890 +++ !!! ???", None),
        ("\u202e\u0000\ud7ff" * 40, None),
    ],
)
def test_it_says_what_is_sure_and_nothing_else(text: str, language: str | None) -> None:
    assert detect(text) == language


async def test_tickets_and_comments_have_it_and_lists_ask_for_it(
    requester_client: httpx.AsyncClient, admin_client: httpx.AsyncClient
) -> None:
    german = (await requester_client.post("/v1/tickets", json=GERMAN)).json()
    english = (await requester_client.post("/v1/tickets", json=ENGLISH)).json()
    assert (german["language"], english["language"]) == ("de", "en")
    for params in ({"language": "de"}, {"query": "language:de"}, {"language": "de,fr"}):
        found = (await admin_client.get("/v1/tickets", params=params)).json()["data"]
        assert [one["id"] for one in found] == [german["id"]]
    asked = {"conditions": {"field": "language", "op": "eq", "value": "en"}}
    assert [one["id"] for one in (await admin_client.post("/v1/tickets/search", json=asked)).json()["data"]] == [
        english["id"]
    ]
    assert (await admin_client.get("/v1/tickets", params={"language": "Deutsch"})).status_code == 422
    comments = f"/v1/tickets/{german['id']}/comments"
    said = (await requester_client.post(comments, json={"body": "Es geht leider immer noch nicht, was nun?"})).json()
    assert said["language"] == "de"
    edited = await requester_client.patch(
        f"{comments}/{said['id']}", json={"body": "It still does not work, what shall I do now?"}
    )
    assert (edited.status_code, edited.json()["language"]) == (200, "en")
    again = (await requester_client.post(comments, json={"body": "Und jetzt geht auch der Scanner nicht mehr."})).json()
    for language, expected in (("de", [again["id"]]), ("de,en", [said["id"], again["id"]]), ("fr", [])):
        page = (await admin_client.get(comments, params={"language": language, "include_total": "true"})).json()
        assert ([one["id"] for one in page["data"]], page["total"]) == (expected, len(expected))
    assert (await admin_client.get(comments, params={"language": "Deutsch"})).status_code == 422
    changed = await admin_client.patch(f"/v1/tickets/{german['id']}", json=ENGLISH)
    assert (changed.status_code, changed.json()["language"]) == (200, "en")


async def test_rules_route_by_it(admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient) -> None:
    rule = {
        "name": "German",
        "conditions": {"field": "language", "op": "eq", "value": "de"},
        "add_tags": ["deutsch"],
    }
    assert (await admin_client.post("/v1/routing-rules", json=rule)).status_code == 201
    assert (await requester_client.post("/v1/tickets", json=GERMAN)).json()["tags"] == ["deutsch"]
    assert (await requester_client.post("/v1/tickets", json=ENGLISH)).json()["tags"] == []
    tried = await admin_client.post("/v1/routing-rules/test", json={"facts": GERMAN})
    assert tried.json()["tags"] == ["deutsch"]


async def test_what_was_promised_in_a_language_follows_it(
    admin_client: httpx.AsyncClient, requester_client: httpx.AsyncClient
) -> None:
    policy = {
        "name": "German",
        "calendar_id": "cal_00000000000070008000000000000247",
        "conditions": {"field": "language", "op": "eq", "value": "de"},
        "targets": [
            {"metric": "resolution", "priority": priority, "seconds": 3600}
            for priority in ("low", "medium", "high", "critical")
        ],
    }
    made = (await admin_client.post("/v1/sla-policies", json=policy)).json()["id"]
    order = (await admin_client.get("/v1/sla-policies/order")).json()["policy_ids"]
    first = {"policy_ids": sorted(order, key=lambda key: key != made)}
    assert (await admin_client.put("/v1/sla-policies/order", json=first)).status_code == 204
    assert (await admin_client.post(f"/v1/sla-policies/{made}/publish", json={})).status_code == 200
    path = f"/v1/tickets/{(await requester_client.post('/v1/tickets', json=ENGLISH)).json()['id']}"
    for words, is_german in ((GERMAN, True), (ENGLISH, False)):
        assert (await requester_client.patch(path, json=words)).status_code == 200
        clocks = (await requester_client.get(f"{path}/slas")).json()["data"]
        ongoing = next(one["ongoing_cycle"] for one in clocks if one["metric"] == "resolution")
        assert (ongoing["policy_id"] == made) is is_german
    told = (await requester_client.get(f"{path}/history")).json()["data"]
    changes = [change for event in told for change in event["changes"] if change["field"] == "language"]
    assert [(change["before"], change["after"]) for change in changes] == [("en", "de"), ("de", "en")]
