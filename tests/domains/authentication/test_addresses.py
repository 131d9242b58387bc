"""Addresses as people write them: capital letters do not matter, in any alphabet."""

import pytest
from sqlalchemy import text

from helpdesk_api.database.session import Database
from helpdesk_api.domains.authentication.queries import find_sign_in
from helpdesk_api.domains.authentication.throttle import _account_key
from helpdesk_api.domains.users.actions import find_by_email
from tests.domains.authentication.conftest import PASSWORD, Desk
from tests.factories.records import make_user

I_WITH_DOT, SIGMA, SMALL_SIGMA, LAST_SIGMA = "\u0130", "\u03a3", "\u03c3", "\u03c2"


async def test_a_sign_in_does_not_mind_the_case(desk: Desk) -> None:
    user = await desk.person(email="Mara@Example.com")
    reply = await desk.client.post("/v1/sessions", json={"email": "mara@example.COM", "password": PASSWORD})
    assert reply.status_code == 201
    assert reply.json()["user"]["id"] == f"usr_{user.id.hex}"


@pytest.mark.parametrize("email", [f"{I_WITH_DOT}lke@example.com", f"NIKO{SIGMA}@example.com"])
async def test_letters_that_python_makes_small_in_another_way(database: Database, email: str) -> None:
    user = await make_user(database, email=email)
    async with database.session() as session:
        assert getattr(await find_by_email(session, email), "id", None) == user.id
    async with database.reads() as reads:
        found = await find_sign_in(reads, f" {email} ")
        assert found is not None
        await reads.fetch_value(text("SELECT set_config('enable_seqscan', 'off', true)"))
        plan = await reads.fetch(text("EXPLAIN SELECT id FROM users WHERE lower(email) = lower(CAST('x' AS VARCHAR))"))
    assert found["id"] == user.id
    assert "uq_users_email" in "".join(row[0] for row in plan)


@pytest.mark.parametrize(
    "spellings",
    [
        (f"{I_WITH_DOT}LKE@example.com", "ilke@example.com", "i\u0307lke@example.com"),
        (f"niko{SIGMA}@example.com", f"niko{SMALL_SIGMA}@example.com", f"niko{LAST_SIGMA}@example.com"),
    ],
)
def test_all_spellings_of_one_account_are_counted_as_one(spellings: tuple[str, ...]) -> None:
    assert len({_account_key(spelling) for spelling in spellings}) == 1
