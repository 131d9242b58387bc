"""What is near a question in meaning, among what the caller may read.

Two stages: the few with the most bits in common are found by PostgreSQL, and put in order by their cosines here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Float, Integer, Text, bindparam, cast, func, literal_column, select
from sqlalchemy.dialects.postgresql import BIT

from helpdesk_api.database.reads import opaque
from helpdesk_api.database.types import AnySelect
from helpdesk_api.domains.embeddings.engine import Meaning
from helpdesk_api.domains.embeddings.enums import EmbeddedKind
from helpdesk_api.domains.embeddings.models import Embedding
from helpdesk_api.domains.embeddings.rules import cosines

FIRST_STAGE: Final = 100
QUICK_STAGE: Final = 12


@dataclass(frozen=True, slots=True)
class Near:
    """`similarity` is a cosine."""

    id: UUID
    similarity: float


def near_statement(kind: EmbeddedKind, readable: AnySelect, *, indexed_length: int | None = None) -> AnySelect:
    """`readable` selects, as `id` first, what may be found: nothing else is shown. With the length of indexed codes the
    index leads, and what is not readable is passed over; without, nothing else is looked at."""
    among = readable.subquery("among")
    (identifier, *others) = among.c
    asked = cast(cast(bindparam("code", type_=Text), Text), BIT(varying=True))
    # Else the code would be read from its text for each vector anew, which takes as long as all the rest.
    once = opaque(asked)
    order: list[ColumnElement[Any]] = [
        func.bit_count(Embedding.code.op("#", return_type=BIT(varying=True))(once)),
        identifier,
    ]
    if indexed_length is not None:
        bits = BIT(indexed_length)
        order = [cast(Embedding.code, bits).op("<~>", return_type=Float())(cast(asked, bits))]
    return (
        select(identifier.label("id"), *others, Embedding.vector, Embedding.norm)
        .join(Embedding, Embedding.subject_id == identifier)
        .where(
            Embedding.kind == literal_column(f"'{kind.value}'"),
            Embedding.model == bindparam("model", type_=Text),
            # A service may come to answer with vectors of another length under the same name.
            func.length(Embedding.code) == opaque(func.length(asked)),
        )
        .order_by(*order)
        .limit(bindparam("first_stage", type_=Integer))
    )


def parameters_of(meaning: Meaning, *, is_quick: bool = False) -> dict[str, Any]:
    """`is_quick` for who needs no more than the first few, and at once."""
    return {"code": meaning.code, "model": meaning.model, "first_stage": QUICK_STAGE if is_quick else FIRST_STAGE}


def in_order(meaning: Meaning, rows: Sequence[Any], *, least: float) -> list[Near]:
    """Of the rows of a `near_statement`; the nearest first, and none that is further away than `least`."""
    similarities = cosines(meaning.values, ((row["vector"], row["norm"]) for row in rows))
    found = [Near(row["id"], similarity) for row, similarity in zip(rows, similarities, strict=True)]
    return sorted((one for one in found if one.similarity >= least), key=lambda one: (-one.similarity, one.id.int))
