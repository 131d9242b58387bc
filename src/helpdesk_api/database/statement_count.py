"""Counts the statements a request sends: budgets are tests, so the count must be cheap and always on."""

from contextvars import ContextVar


class StatementCount:
    """Number of statements of one request; BEGIN and COMMIT are not counted."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0


statement_count: ContextVar[StatementCount | None] = ContextVar("statement_count", default=None)


def count_statement() -> None:
    current = statement_count.get()
    if current is not None:
        current.value += 1
