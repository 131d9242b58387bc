"""A checked tree as JSON again: what a question came to mean, in the form in which callers send conditions."""

from datetime import datetime
from typing import Any
from uuid import UUID

from helpdesk_api.conditions.checking import Checked, Every, Inverse, Leaf, Some
from helpdesk_api.conditions.registry import FieldSpec
from helpdesk_api.database.ids import public_id
from helpdesk_api.web.schemas import instant_text


def shown(checked: Checked) -> dict[str, Any]:
    """Parts of one kind lie beside each other, however they were bracketed; instants are no longer relative."""
    if isinstance(checked, Leaf):
        return {"field": checked.field.name, "op": checked.op.value, "value": _operand(checked)}
    if isinstance(checked, Inverse):
        return {"not": shown(checked.part)}
    word = "all" if isinstance(checked, Every) else "any"
    parts: list[dict[str, Any]] = []
    for one in map(shown, checked.parts):
        parts += one.get(word, [one])
    return parts[0] if len(parts) == 1 else {word: parts}


def _operand(leaf: Leaf) -> Any:
    if isinstance(leaf.operand, tuple):
        return [_value(leaf.field, one) for one in leaf.operand]
    return _value(leaf.field, leaf.operand)


def _value(field: FieldSpec, value: Any) -> Any:
    if isinstance(value, UUID):
        return public_id(str(field.prefix), value)
    return instant_text(value) if isinstance(value, datetime) else value


def is_empty(checked: Checked) -> bool:
    """Whether nothing was asked: true of everything."""
    return not isinstance(checked, Leaf | Inverse | Some) and all(is_empty(part) for part in checked.parts)
