"""Whether the demo organisation's passwords, which everybody can read, still open a door here."""

import asyncio
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from helpdesk_api.authorization.permissions import Role
from helpdesk_api.database.session import Database
from helpdesk_api.demo.people import PEOPLE
from helpdesk_api.demo_accounts import DEMO_PASSWORDS
from helpdesk_api.domains.authentication.passwords import hash_password, verify_password
from helpdesk_api.domains.users.models import User

DEMO_SOURCE: Final = "demo"


async def demo_password_hashes() -> dict[Role, str]:
    """One hash for each role; the cost is paid four times, not once per person."""
    hashes = await asyncio.gather(*(hash_password(password) for password in DEMO_PASSWORDS.values()))
    return dict(zip(DEMO_PASSWORDS, hashes, strict=True))


async def demo_password_in_use(database: Database) -> bool:
    """Whether somebody of the demo organisation could still sign in with the password that stands above."""
    async with database.session() as session:
        hashes = await _hashes_of_demo_people(session)
    for stored in hashes:
        for password in DEMO_PASSWORDS.values():
            if (await verify_password(password, stored))[0]:
                return True
    return False


async def _hashes_of_demo_people(session: AsyncSession) -> list[str]:
    """Of those created as demo data, and of whoever has one of its addresses; distinct, as most share theirs."""
    addresses = [person.email for person in PEOPLE]
    statement = (
        select(User.password_hash)
        .where(
            or_(User.external_source == DEMO_SOURCE, User.email.in_(addresses)),
            User.password_hash.is_not(None),
            User.deactivated_at.is_(None),
        )
        .distinct()
        .order_by(User.password_hash)
    )
    return [stored for stored in (await session.scalars(statement)).all() if stored is not None]
