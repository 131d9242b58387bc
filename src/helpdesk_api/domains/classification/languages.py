"""Which language a text is written in, by py3langid; without it, and of a word or two, nobody knows."""

import re
from functools import cache
from importlib.util import find_spec
from typing import Any, Final

from helpdesk_api.domains.knowledge.enums import ArticleLanguage
from helpdesk_api.integrations.memory import give_back

_FEWEST_LETTERS: Final = 12
# More would say no more.
_READ: Final = 300
# Norwegian has one name there, and here that of its more usual form.
_ITS_NAMES: Final = {"nb": "no"}
_OUR_NAMES: Final = {name: ours for ours, name in _ITS_NAMES.items()}
_SURE: Final = 0.7
# What is written in a ticket and in no language: code, addresses, the marks of Markdown.
_NO_LANGUAGE: Final = re.compile(r"```.*?```|`[^`]*`|https?://\S+|\S+@\S+|[\W\d_]+", re.DOTALL)


@cache
def can_detect() -> bool:
    """Looked up without importing it."""
    return find_spec("py3langid") is not None


@cache
def _identifier() -> Any:
    """Takes a third of a second; the first text waits for it, in its thread."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415 - of the extra `ai`

    everything = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    # Of a hundred languages a few words could be any; these are the ones that the product writes in.
    known = set(everything.labels)
    written = (_ITS_NAMES.get(language.value, language.value) for language in ArticleLanguage)
    everything.set_languages([name for name in written if name in known])
    # The identifier would keep the tables of all the others.
    identifier = LanguageIdentifier(
        everything.nb_ptc,
        everything.nb_pc,
        everything.nb_classes,
        everything.tk_nextmove,
        everything.tk_output,
        norm_probs=True,
        tk_row=everything.tk_row,
    )
    del everything
    give_back()
    return identifier


def is_loaded() -> bool:
    """From then on no text takes more than some half a millisecond, however long it is."""
    return _identifier.cache_info().currsize > 0


def detect(text: str) -> str | None:
    """By ISO 639-1; null for what is too short or could be several. In a thread while it may still have to load."""
    if not can_detect():
        return None
    letters = _NO_LANGUAGE.sub(" ", text[: 2 * _READ])[:_READ].strip()
    if len(letters) < _FEWEST_LETTERS:
        return None
    language, chance = _identifier().classify(letters)
    return _OUR_NAMES.get(language, str(language)) if chance >= _SURE else None
