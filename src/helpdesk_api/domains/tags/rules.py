"""Giving a tag another name wherever it stands."""

from collections.abc import Iterable
from typing import Any

from helpdesk_api.conditions.query_language import with_value
from helpdesk_api.domains.tickets.search import VOCABULARY
from helpdesk_api.web.schemas import MAX_QUERY

_FIELD = "tags"


def renamed(tags: Iterable[str], name: str, new_name: str) -> list[str]:
    """In their order; merged into one that is there already."""
    return list(dict.fromkeys(new_name if tag == name else tag for tag in tags))


def renamed_in_tree(node: Any, name: str, new_name: str) -> Any:
    """A condition tree as stored."""
    if not isinstance(node, dict):
        return node
    if node.get("field") == _FIELD:
        value = node.get("value")
        if isinstance(value, list):
            return {**node, "value": renamed(value, name, new_name)}
        return {**node, "value": new_name} if value == name else node
    found = dict(node)
    for key in ("all", "any"):
        if key in found:
            found[key] = [renamed_in_tree(part, name, new_name) for part in found[key]]
    if "not" in found:
        found["not"] = renamed_in_tree(found["not"], name, new_name)
    return found


def renamed_in_query(query: str | None, name: str, new_name: str) -> str | None:
    """A question in the search language, as it was typed but for the tag. Raises ValueError where the new name cannot
    be said in it, or not within its length."""
    if query is None:
        return None
    found = with_value(query, VOCABULARY, _FIELD, name, new_name)
    if len(found) > max(MAX_QUERY, len(query)):
        message = "the question grows too long"
        raise ValueError(message)
    return found


def renamed_in_steps(steps: Iterable[Any], name: str, new_name: str) -> list[Any]:
    """A macro's steps as stored: those that set tags."""
    return [
        {**step, "body": {**step["body"], _FIELD: renamed(step["body"][_FIELD], name, new_name)}}
        if step.get("op") == "update" and _FIELD in step["body"]
        else step
        for step in steps
    ]


def renamed_in_fields(fields: Any, name: str, new_name: str) -> Any:
    """A ticket template's fields as stored."""
    return {**fields, _FIELD: renamed(fields[_FIELD], name, new_name)} if fields.get(_FIELD) else fields


def renamed_in_matchers(rules: Iterable[Any], name: str, new_name: str) -> list[Any]:
    """An alert integration's rules as stored: the tags that they give."""
    return [renamed_in_fields(rule, name, new_name) for rule in rules]
