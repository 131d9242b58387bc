"""Versions: every text that was saved can be read, compared and taken up again, by those who work on it."""

from tests.domains.knowledge.conftest import BODY, Editors, at, done


async def test_each_change_is_a_version(editors: Editors) -> None:
    article = await editors.published(body="One\nTwo\nThree")
    await editors.anna.patch(at(article), json={"body": "One\n2\nThree", "tags": ["vpn"]})
    await editors.anna.patch(at(article), json={"title": "Renamed"})
    listed = (await editors.olga.get(at(article, "/versions"))).json()["data"]
    assert [(one["number"], one["is_published"]) for one in listed] == [(3, False), (2, False), (1, True)]
    first = (await editors.anna.get(at(article, "/versions/1"))).json()
    assert (first["title"], first["body"]) == (BODY["title"], "One\nTwo\nThree")
    missing = await editors.anna.get(at(article, "/versions/9"))
    assert (missing.status_code, missing.json()["code"]) == (404, "article_version_not_found")
    for reader in (editors.rita, editors.ben):
        for below in ("/versions", "/versions/1", "/diff?from=1&to=2"):
            assert (await reader.get(at(article, below))).json()["code"] == "article_not_found"


async def test_the_difference(editors: Editors) -> None:
    article = await editors.draft(body="One\nTwo\nThree")
    await editors.anna.patch(at(article), json={"body": "One\n2\nThree"})
    diff = (await editors.anna.get(at(article, "/diff"), params={"from": 1, "to": 2})).json()["diff"]
    assert diff.splitlines()[:2] == ["--- version 1", "+++ version 2"]
    assert {"-Two", "+2", " One"} <= set(diff.splitlines())
    same = (await editors.anna.get(at(article, "/diff"), params={"from": 2, "to": 2})).json()
    assert same["diff"] == ""
    await editors.anna.patch(at(article), json={"body": "\n".join("a" * 1_001)})
    long = await editors.anna.get(at(article, "/diff"), params={"from": 1, "to": 3})
    assert (long.status_code, long.json()["code"]) == (422, "article_too_long_to_compare")
    assert (await editors.anna.get(at(article, "/diff"), params={"from": 1})).status_code == 422


async def test_versions_that_differ_are_not_shown_as_the_same(editors: Editors) -> None:
    article = await editors.draft(body="One\nTwo", summary="First\nlast")
    for change in ({"body": "One\nTwo\n"}, {"body": "One\r\nTwo\n"}, {"summary": "First\nLast"}):
        await editors.anna.patch(at(article), json=change)
    found = []
    for number in (1, 2, 3):
        pair = {"from": number, "to": number + 1}
        diff = (await editors.anna.get(at(article, "/diff"), params=pair)).json()["diff"]
        found.append([line for line in diff.split("\n")[2:] if line[:1] not in {" ", "@"}])
    assert found == [["+"], ["-One", "+One\r"], ["-last", "+Last"]]


async def test_going_back(editors: Editors) -> None:
    article = await editors.published()
    changed = await editors.anna.patch(at(article), json={"body": "Worse."})
    restored = await editors.anna.post(
        at(article, "/versions/1/restore"), json={}, headers={"If-Match": changed.headers["etag"]}
    )
    assert restored.status_code == 200, restored.text
    body = restored.json()
    assert (body["body"], body["number"], body["status"]) == (BODY["body"], 3, "draft")
    newest = (await editors.anna.get(at(article, "/versions"))).json()["data"][0]
    assert newest["restored_from"] == 1
    same = await editors.anna.post(at(article, "/versions/1/restore"), json={})
    assert same.json()["latest_number"] == 3
    assert (await editors.ben.post(at(article, "/versions/1/restore"), json={})).status_code == 403
    await done(editors.olga, article, "archive")
    late = await editors.anna.post(at(article, "/versions/2/restore"), json={})
    assert late.json()["code"] == "article_transition_not_allowed"


async def test_a_translation_knows_when_its_original_moved_on(editors: Editors) -> None:
    original = await editors.published()
    german = await editors.published(language="de", title="VPN verbinden", translation_of_id=original["id"])
    assert (german["source_number"], german["is_outdated"], german["audience"]) == (1, False, "requesters")
    held = await editors.rita.get(at(german))
    await editors.anna.patch(at(original), json={"body": "New."})
    assert (await editors.rita.get(at(german))).json()["is_outdated"] is False
    await done(editors.olga, original, "publish")
    moved = await editors.rita.get(at(german), headers={"If-None-Match": held.headers["etag"]})
    assert (moved.status_code, moved.json()["is_outdated"]) == (200, True)
    late = (await editors.anna.get("/v1/articles", params={"is_outdated": "true"})).json()["data"]
    assert [one["id"] for one in late] == [german["id"]]
    assert (await editors.anna.patch(at(german), json={"source_number": 3})).status_code == 422
    await editors.anna.patch(at(german), json={"body": "Neu.", "source_number": 2})
    await done(editors.olga, german, "publish")
    assert (await editors.rita.get(at(german))).json()["is_outdated"] is False


async def test_the_languages_of_an_article(editors: Editors) -> None:
    original = await editors.published(audience="agents")
    german = await editors.published(language="de", audience="public", translation_of_id=original["id"])
    french = await editors.draft(language="fr", translation_of_id=original["id"])
    for reader, languages in ((editors.anna, ["de", "en", "fr"]), (editors.ben, ["de", "en"]), (editors.rita, ["de"])):
        listed = (await reader.get(at(german, "/translations"))).json()["data"]
        assert [one["language"] for one in listed] == languages
    # What is not theirs to see is not theirs to know of, nor whether it moved on.
    await editors.anna.patch(at(original), json={"body": "New."})
    await done(editors.olga, original, "publish")
    seen = (await editors.rita.get(at(german))).json()
    assert (seen["translation_of_id"], seen["is_outdated"]) == (None, False)
    assert (await editors.rita.get(at(french, "/translations"))).status_code == 404
    # When they may see it, that is another answer; so it is when they may no longer.
    for audience, shown in (("requesters", (original["id"], True)), ("agents", (None, False))):
        held = {"If-None-Match": (await editors.rita.get(at(german))).headers["etag"]}
        assert (await editors.olga.patch(at(original), json={"audience": audience})).status_code == 200
        seen = await editors.rita.get(at(german), headers=held)
        assert (seen.status_code, (seen.json()["translation_of_id"], seen.json()["is_outdated"])) == (200, shown)
    # Nor is it of the staff whose team it is not for.
    held = {"If-None-Match": (await editors.ben.get(at(german))).headers["etag"]}
    ritas = {"If-None-Match": (await editors.rita.get(at(german))).headers["etag"]}
    of_team = {"audience": "teams", "team_ids": [editors.team_id]}
    assert (await editors.olga.patch(at(original), json=of_team)).status_code == 200
    hidden = await editors.ben.get(at(german), headers=held)
    # Of whom it was hidden already, nothing moves.
    assert (await editors.rita.get(at(german), headers=ritas)).status_code == 304
    assert (hidden.status_code, hidden.json()["translation_of_id"]) == (200, None)
    assert (await editors.anna.get(at(german))).json()["translation_of_id"] == original["id"]
    twice = await editors.anna.post(
        "/v1/articles", json={**BODY, "language": "de", "translation_of_id": original["id"]}
    )
    assert (twice.status_code, twice.json()["code"]) == (409, "article_language_taken")
    nested = await editors.anna.post("/v1/articles", json={**BODY, "language": "es", "translation_of_id": german["id"]})
    assert (nested.status_code, nested.json()["code"]) == (422, "article_original_required")
