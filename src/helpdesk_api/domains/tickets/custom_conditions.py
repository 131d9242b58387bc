"""Which custom fields a caller may ask about, and what each of them can be compared with."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Final

from sqlalchemy import true

from helpdesk_api.authorization.principal import Principal
from helpdesk_api.conditions.registry import CUSTOM_PREFIX, CustomKind, FieldSpec, FieldType
from helpdesk_api.conditions.tree import Node, leaves
from helpdesk_api.database.reads import ReadSession
from helpdesk_api.domains.forms import queries as forms
from helpdesk_api.domains.forms.enums import FieldKind
from helpdesk_api.domains.tickets.errors import UnknownSort
from helpdesk_api.domains.tickets.models import Ticket
from helpdesk_api.domains.tickets.policy import CallerShape, sees_internal

Kinds = Mapping[str, frozenset[CustomKind]]
"""By the key of a custom field: what any form that asks for it takes."""
Custom = Callable[[str], FieldSpec | None]
_AGENT: Final = CallerShape(is_admin=False, is_staff=True, sees_organization=False)
_KINDS: Final[Mapping[FieldKind, CustomKind]] = {
    FieldKind.TEXT: CustomKind.TEXT,
    FieldKind.LONG_TEXT: CustomKind.TEXT,
    FieldKind.NUMBER: CustomKind.NUMBER,
    FieldKind.CHOICE: CustomKind.TEXT,
    FieldKind.MULTI_CHOICE: CustomKind.TEXTS,
    FieldKind.DATE: CustomKind.DAY,
    FieldKind.USER: CustomKind.USER,
    FieldKind.YES_NO: CustomKind.BOOLEAN,
    FieldKind.FILE: CustomKind.TEXTS,
    FieldKind.ASSET: CustomKind.ASSET,
}


def asked_of_database(subject: object) -> object:
    """Such a field is asked in SQL only; rules in memory have the fields of `TICKET`."""
    raise NotImplementedError(subject)


async def known_kinds(
    reads: ReadSession, principal: Principal, *, texts: Iterable[str] = (), conditions: Iterable[Node] = ()
) -> Kinds:
    """Nothing is read where nothing names a custom field. A key of the staff's does not exist for requesters."""
    names = (leaf.field for node in conditions for leaf in leaves(node))
    if not any(name.startswith(CUSTOM_PREFIX) for name in names) and not any(CUSTOM_PREFIX in text for text in texts):
        return {}
    asked = await forms.kinds_asked(reads, is_staff=principal.is_staff)
    return {key: frozenset(_KINDS[kind] for kind in kinds) for key, kinds in asked.items()}


async def require_known(reads: ReadSession, principal: Principal, key: str, pointer: str | None = None) -> None:
    """Raises `unknown_sort`, at the parameter `sort` or at the pointer into a body."""
    if key not in await forms.kinds_asked(reads, is_staff=principal.is_staff):
        message = f"No form asks for a custom field `{key}`."
        raise UnknownSort(message, pointer=pointer, parameter=None if pointer else "sort")


def custom_of(principal: Principal, kinds: Kinds) -> Custom:
    """What the caller sees everywhere, and with the staff their own half too, of the tickets that they work on."""
    if principal.is_admin:
        return partial(_custom, kinds, _guarded_by_nothing)
    return partial(_custom, kinds, _guarded_by_staff if principal.is_staff else None)


def _custom(kinds: Kinds, guarded: Callable[[], tuple[object, object]] | None, name: str) -> FieldSpec | None:
    key = name.removeprefix(CUSTOM_PREFIX)
    if key == name or key not in kinds:
        return None
    # Where another form asks for something else by this key, a word may be just that.
    prefix = "usr" if kinds[key] == {CustomKind.USER} else None
    found = FieldSpec(name, FieldType.CUSTOM, _column, asked_of_database, prefix=prefix, customs=kinds[key])
    return replace(found, guarded=guarded)


def _column() -> object:
    return Ticket.custom_fields


def _guarded_by_staff() -> tuple[object, object]:
    return Ticket.internal_custom_fields, sees_internal(_AGENT)


def _guarded_by_nothing() -> tuple[object, object]:
    return Ticket.internal_custom_fields, true()
