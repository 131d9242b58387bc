"""How texts of each language are cut into words: PostgreSQL's configuration, or pairs of characters where no spaces
part the words."""

import re
from collections.abc import Iterable
from typing import Final

from helpdesk_api.domains.knowledge.enums import ArticleLanguage

L = ArticleLanguage
# PostgreSQL 15 has no stemmer for the others: their words are taken as they are.
CONFIGURATIONS: Final[dict[ArticleLanguage, str]] = dict.fromkeys(ArticleLanguage, "simple") | {
    L.AR: "arabic",
    L.DA: "danish",
    L.DE: "german",
    L.EL: "greek",
    L.EN: "english",
    L.ES: "spanish",
    L.FI: "finnish",
    L.FR: "french",
    L.HU: "hungarian",
    L.IT: "italian",
    L.NB: "norwegian",
    L.NL: "dutch",
    L.PT: "portuguese",
    L.PT_BR: "portuguese",
    L.RO: "romanian",
    L.RU: "russian",
    L.SV: "swedish",
    L.TR: "turkish",
}
UNSPACED: Final = frozenset({L.JA, L.KO, L.ZH})
_UNSPACED_RUN: Final = re.compile("[\u3005-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\uff66-\uff9f]+")
_WORD: Final = re.compile(r"[^\W\d_]{3,40}")
_TOO_LONG: Final = re.compile(r"\S{200}")
MAX_WORDS: Final = 20_000


def is_unspaced(text: str) -> bool:
    return _UNSPACED_RUN.search(text) is not None


def in_pairs(text: str) -> str:
    """Runs of Chinese, Japanese and Korean characters as overlapping pairs: `設定画面` is `設定 定画 画面`."""
    return _UNSPACED_RUN.sub(_pairs, text)


def _pairs(run: re.Match[str]) -> str:
    characters = run[0]
    pairs = [characters[at : at + 2] for at in range(len(characters) - 1)] or [characters]
    return f" {' '.join(pairs)} "


def searchable(language: ArticleLanguage, text: str) -> str:
    """PostgreSQL's parser looks behind each `<`, and behind much else in what has no blank, to the end of it."""
    return _TOO_LONG.sub(r"\g<0> ", (in_pairs(text) if language in UNSPACED else text).replace("<", " "))


def words_of(texts: Iterable[str]) -> list[str]:
    """Distinct words as they are written, in lower case: what a misspelt one could have meant."""
    found: dict[str, None] = {}
    for text in texts:
        for word in _WORD.findall(text.lower()):
            if not is_unspaced(word):
                found[word] = None
    return list(found)[:MAX_WORDS]
