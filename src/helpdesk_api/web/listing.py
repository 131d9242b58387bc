"""The one way to list: filters in a WHERE, an allow-listed sort, keyset cursors with the id as tie-break."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Depends, Query, Request
from sqlalchemy import ColumnElement, and_, bindparam, func, literal, literal_column, or_, select, tuple_
from starlette.responses import Response

from helpdesk_api.database.reads import ReadSession
from helpdesk_api.database.types import AnySelect
from helpdesk_api.web.cursors import InvalidCursor, decode_cursor, encode_cursor
from helpdesk_api.web.errors import FieldError, ValidationFailed
from helpdesk_api.web.schemas import CursorText, instant_text

MAX_LIMIT = 200
DEFAULT_LIMIT = 50


@dataclass(frozen=True, slots=True)
class SortKey:
    """One column of an order. `nullable` columns sort nulls last in both directions."""

    name: str
    column: Any
    kind: type
    descending: bool = False
    nullable: bool = False


@dataclass(frozen=True)
class PageRequest:
    """`limit`, `cursor` and `include_total` of a list call, and what the call's cursors are bound to."""

    limit: int
    cursor: str | None
    include_total: bool
    binding: str
    path: str
    query: tuple[tuple[str, str], ...]


async def read_page(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Rows on a page; 50 when left out.")] = DEFAULT_LIMIT,
    cursor: Annotated[CursorText | None, Query(description="From `next_cursor` or `prev_cursor`.")] = None,
    include_total: Annotated[bool, Query(description="Count the whole list too; false when left out.")] = False,  # noqa: FBT002
) -> PageRequest:
    return page_request(request, limit=limit, cursor=cursor, include_total=include_total)


def page_request(
    request: Request, *, limit: int, cursor: str | None, include_total: bool, asked: str = ""
) -> PageRequest:
    """`asked` is what a body narrows the list by: a cursor belongs to it as to the query string."""
    kept = tuple(
        sorted((k, v) for k, v in request.query_params.multi_items() if k not in {"cursor", "limit", "include_total"})
    )
    caller = getattr(request.state, "principal", None)
    bound = f"{request.url.path}|{caller.user_id if caller else ''}|{kept!r}|{asked}"
    return PageRequest(
        limit,
        cursor,
        include_total,
        hashlib.sha256(bound.encode()).hexdigest(),
        request.url.path,
        kept,
    )


PageDep = Annotated[PageRequest, Depends(read_page)]


def parse_sort(text: str | None, allowed: Mapping[str, SortKey], default: str) -> list[SortKey]:
    """`-priority,created_at` by the allow-list; raises `validation_failed` naming the unknown field."""
    keys: list[SortKey] = []
    for part in (text or default).split(","):
        name = part.removeprefix("-")
        if any(key.name == name for key in keys):
            continue  # A second key on the same column changes nothing.
        if name not in allowed:
            raise ValidationFailed(
                errors=[
                    FieldError(
                        "unknown_sort",
                        f"`{name[:50]}` is not one of {', '.join(allowed)}",
                        parameter="sort",
                    )
                ]
            )
        known = allowed[name]
        keys.append(SortKey(name, known.column, known.kind, part.startswith("-"), known.nullable))
    return keys


def _to_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, UUID):
        return value.hex
    return value


def _from_json(kind: type, value: Any) -> Any:
    if value is None:
        return None
    if kind is datetime:
        return datetime.fromisoformat(value)
    if kind is UUID:
        return UUID(hex=value)
    return kind(value)


def _after(key: SortKey, value: Any, *, backwards: bool) -> ColumnElement[bool] | None:
    """Rows strictly behind `value` in this column's order; None when there can be none."""
    column, descending = key.column, key.descending != backwards
    nulls_last = not backwards
    if value is None:
        return None if nulls_last else column.is_not(None)
    beyond = column < value if descending else column > value
    return or_(beyond, column.is_(None)) if key.nullable and nulls_last else beyond


def _seek(keys: Sequence[SortKey], values: Sequence[Any], *, backwards: bool) -> ColumnElement[bool]:
    if not any(key.nullable for key in keys) and len({key.descending for key in keys}) == 1:
        # A row comparison is the form that an index of the same order answers directly.
        row = _row([key.column for key in keys])
        bound = _row(list(values), keys)
        beyond: ColumnElement[bool] = row < bound if keys[0].descending != backwards else row > bound
        return beyond
    alternatives = []
    for position, key in enumerate(keys):
        further = _after(key, values[position], backwards=backwards)
        if further is None:
            continue
        equal = [
            before.column.is_(None) if values[index] is None else before.column == values[index]
            for index, before in enumerate(keys[:position])
        ]
        alternatives.append(and_(*equal, further))
    return or_(*alternatives)


def _row(values: list[Any], keys: Sequence[SortKey] | None = None) -> Any:
    if keys is None:
        return tuple_(*values)
    return tuple_(
        *[
            value if isinstance(value, ColumnElement) else literal(value, key.column.type)
            for value, key in zip(values, keys, strict=True)
        ]
    )


@dataclass(frozen=True, slots=True)
class CutShape:
    """What the text of one page's statement depends on; the values to seek behind come as `PageCut.parameters`."""

    limit: int
    backwards: bool
    seeks_null: tuple[bool, ...] | None


@dataclass(frozen=True)
class PageCut:
    """One page of an order: where it starts, which way it runs, and how its cursors are made."""

    keys: Sequence[SortKey]
    page: PageRequest
    backwards: bool
    values: Sequence[Any] | None

    @property
    def shape(self) -> CutShape:
        nulls = tuple(value is None for value in self.values) if self.values is not None else None
        return CutShape(self.page.limit, self.backwards, nulls)

    @property
    def parameters(self) -> dict[str, Any]:
        return {f"seek_{n}": value for n, value in enumerate(self.values or ())}

    def finish(self, rows: list[Any]) -> tuple[list[Any], str | None, str | None]:
        """The page's rows in the list's order, and the cursors after and before them."""
        more = len(rows) > self.page.limit
        kept = rows[: self.page.limit]
        if self.backwards:
            kept = kept[::-1]
        has_next = more if not self.backwards else True
        has_prev = (self.page.cursor is not None) if not self.backwards else more
        if not kept:
            return kept, None, None
        return (
            kept,
            self._cursor(kept[-1], "next") if has_next else None,
            self._cursor(kept[0], "prev") if has_prev else None,
        )

    def _cursor(self, row: Any, direction: str) -> str:
        width = len(self.keys)
        values = [_to_json(value) for value in tuple(row)[-width:]]
        return encode_cursor(self.page.binding, [direction, *values])


@dataclass(frozen=True)
class PagedStatement(PageCut):
    """A SELECT cut to one page. It must select the key columns last, in order: `finish` reads them off the rows."""

    statement: AnySelect


def cut_page(keys: Sequence[SortKey], page: PageRequest) -> PageCut:
    """Raises `invalid_cursor` for a foreign cursor."""
    if page.cursor is None:
        return PageCut(keys, page, backwards=False, values=None)
    direction, *raw = decode_cursor(page.binding, page.cursor)
    if len(raw) != len(keys):
        raise InvalidCursor(parameter="cursor")
    values = [_from_json(key.kind, value) for key, value in zip(keys, raw, strict=True)]
    return PageCut(keys, page, backwards=direction == "prev", values=values)


def cut_statement(statement: AnySelect, keys: Sequence[SortKey], shape: CutShape) -> AnySelect:
    """Adds seek, order and limit, and the key columns at the end; run it with `PageCut.parameters`."""
    values = None
    if shape.seeks_null is not None:
        values = [
            None if is_null else bindparam(f"seek_{n}", type_=key.column.type)
            for n, (key, is_null) in enumerate(zip(keys, shape.seeks_null, strict=True))
        ]
    # In the text, so that the planner knows how few rows are wanted.
    limit: ColumnElement[int] = literal_column(str(shape.limit + 1))
    return _cut(statement, keys, values, backwards=shape.backwards).limit(limit)


def paged(statement: AnySelect, keys: Sequence[SortKey], page: PageRequest) -> PagedStatement:
    """The same for a statement that is made anew for each call. Raises `invalid_cursor` for a foreign cursor."""
    cut = cut_page(keys, page)
    statement = _cut(statement, keys, cut.values, backwards=cut.backwards).limit(page.limit + 1)
    return PagedStatement(keys, page, cut.backwards, cut.values, statement)


def _cut(statement: AnySelect, keys: Sequence[SortKey], values: Sequence[Any] | None, *, backwards: bool) -> AnySelect:
    if values is not None:
        statement = statement.where(_seek(keys, values, backwards=backwards))
    order = []
    for key in keys:
        descending = key.descending != backwards
        term = key.column.desc() if descending else key.column.asc()
        if key.nullable:
            term = term.nulls_first() if backwards else term.nulls_last()
        order.append(term)
    return statement.add_columns(*[key.column.label(f"_key_{n}") for n, key in enumerate(keys)]).order_by(*order)


def link_header(page: PageRequest, next_cursor: str | None, prev_cursor: str | None) -> str | None:
    """RFC 8288 links to the neighbouring pages."""
    links = []
    for relation, cursor in (("next", next_cursor), ("prev", prev_cursor)):
        if cursor is not None:
            query = urlencode([*page.query, ("limit", str(page.limit)), ("cursor", cursor)])
            links.append(f'<{page.path}?{query}>; rel="{relation}"')
    return ", ".join(links) or None


async def page_of(
    reads: ReadSession, statement: AnySelect, keys: Sequence[SortKey], page: PageRequest
) -> dict[str, Any]:
    """A page of rows as a `Page` takes it: one statement, one more for the total if asked for."""
    cut = paged(statement, keys, page)
    rows, next_cursor, prev_cursor = cut.finish(await reads.fetch(cut.statement))
    total = None
    if page.include_total:
        total = await reads.fetch_value(select(func.count()).select_from(statement.subquery()))
    return {
        "data": [dict(row) for row in rows],
        "next_cursor": next_cursor,
        "prev_cursor": prev_cursor,
        "total": total,
        "total_is_exact": True if total is not None else None,
    }


def add_links(response: Response, page: PageRequest, answer: Mapping[str, Any]) -> None:
    link = link_header(page, answer["next_cursor"], answer["prev_cursor"])
    if link is not None:
        response.headers["Link"] = link


def whole_page(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """A bounded list that is always one page."""
    return {"data": rows, "next_cursor": None, "prev_cursor": None, "total": len(rows), "total_is_exact": True}
