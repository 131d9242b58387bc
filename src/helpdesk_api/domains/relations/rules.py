"""Pure rules between tickets: the two names of a link."""

import re
from collections.abc import Mapping

from helpdesk_api.domains.relations.enums import LinkKind, Relation

# A family has at most this many tickets from its root to its youngest.
MAX_LEVELS = 5
MAX_CHILDREN = 100
# No bracket inside, so that a text of nothing but brackets is read once.
_IMAGE = re.compile(r"!\[[^\[\]]*\]\([^()]*\)")
_LINK = re.compile(r"\[([^\[\]]*)\]\([^()]*\)")

_NAMES: Mapping[Relation, tuple[LinkKind, LinkKind]] = {
    Relation.DUPLICATES: (LinkKind.DUPLICATES, LinkKind.DUPLICATED_BY),
    Relation.BLOCKS: (LinkKind.BLOCKS, LinkKind.BLOCKED_BY),
    Relation.CAUSED_BY: (LinkKind.CAUSED_BY, LinkKind.CAUSES),
    Relation.RELATES_TO: (LinkKind.RELATES_TO, LinkKind.RELATES_TO),
    Relation.PARENT_OF: (LinkKind.PARENT_OF, LinkKind.CHILD_OF),
}


def stored_as(kind: LinkKind) -> tuple[Relation, bool]:
    """The relation, and whether the ticket that says this word is the one that the link leads to."""
    for relation, (forth, back) in _NAMES.items():
        if kind in (forth, back):
            return relation, kind is not forth
    raise KeyError(kind)


def kind_from(relation: Relation, *, is_inverse: bool) -> LinkKind:
    """The word of the side that the link starts from, or of the other."""
    return _NAMES[relation][is_inverse]


def first_words(text: str, limit: int = 80) -> str:
    """A subject out of the first line that says something, cut between words, without Markdown's marks and pictures."""
    text = _LINK.sub(r"\1", _IMAGE.sub("", text))
    lines = (line.replace("**", "").replace("`", "").strip().strip("#>*_-+` \t") for line in text.splitlines())
    line = " ".join(next((line for line in lines if line), "").split()) or "Split comment"
    if len(line) <= limit:
        return line
    cut = line[: limit - 1]
    return f"{(cut[: cut.rfind(' ')] if ' ' in cut else cut).rstrip()}…"
