"""Whether a text names somebody: for what may be told to others only if it does not. Nobody is told who it is."""

from typing import Final

from sqlalchemy import ARRAY, Text, bindparam, func, or_, select

from helpdesk_api.database.reads import CompiledStatement, ReadSession
from helpdesk_api.domains.users.models import User, UserKind

# Names of more words than this stand in a longer text unseen, and so do those far behind in it.
_MAX_NAME: Final = 4
_MAX_WORDS: Final = 40
_TEXT = bindparam("text", type_=Text)
_PARTS = func.unnest(bindparam("parts", type_=ARRAY(Text))).table_valued("part", name="parts").render_derived()
# All people, whoever may see them and whether or not they still work here. Both are answered by an index: a text that
# is a name or a part of it, slips of the pen included, and a whole name within a text.
_NAMES_SOMEBODY = CompiledStatement(
    select(
        or_(
            select(User.id).where(User.kind == UserKind.USER, User.name.bool_op("%>>")(_TEXT)).exists(),
            select(User.id)
            .join(_PARTS, func.lower(User.name) == func.lower(_PARTS.c.part))
            .where(User.kind == UserKind.USER)
            .exists(),
        )
    )
)


async def names_somebody(reads: ReadSession, text: str) -> bool:
    """One statement."""
    found: bool = await reads.fetch_value(_NAMES_SOMEBODY, {"text": text, "parts": _parts(text)})
    return found


def _parts(text: str) -> list[str]:
    """Every two to four words that stand together."""
    words = text.split()[:_MAX_WORDS]
    return [
        " ".join(words[start : start + length])
        for length in range(2, _MAX_NAME + 1)
        for start in range(len(words) - length + 1)
    ]
