"""What is known of the database as a whole is read now and then."""

from typing import Any

import pytest

from helpdesk_api.database.session import Database
from helpdesk_api.database.statistics import Statistic


async def test_it_is_read_once_and_again_after_a_failure(database: Database) -> None:
    answers: list[Any] = [OSError("away"), 7, 8]

    async def read(_: object) -> int:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return int(answer)

    known = Statistic(read, 0)
    async with database.reads() as reads:
        with pytest.raises(OSError, match="away"):
            await known.refresh(reads)
        assert known.value == 0
        assert [await known.refresh(reads) for _ in range(3)] == [7, 7, 7]
    assert answers == [8]
