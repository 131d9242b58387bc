"""A text as the words and pieces of words that the model counts. Pure Python: every new ticket goes through it."""

import re
from collections import Counter
from itertools import pairwise
from typing import Final

# What people write at length says no more about what it is; and each character costs when a ticket is opened.
MAX_CHARACTERS: Final = 4_000
_WORD: Final = re.compile(r"\w{2,40}")
_PIECES: Final = (3, 4, 5)
_DIGITS: Final = re.compile(r"\d+")


def normalised(subject: str, description: str) -> str:
    """The part of a ticket that is read, in one case; numbers are all alike."""
    text = f"{subject}\n{description}"[:MAX_CHARACTERS].lower()
    return _DIGITS.sub("0", text)


def split(text: str) -> list[str]:
    """Its words in their order."""
    return _WORD.findall(text)


def words_of(text: str) -> Counter[str]:
    """Words, and each two that follow one another."""
    found = split(text)
    counts = Counter(found)
    counts.update(map(" ".join, pairwise(found)))
    return counts


def pieces_of_word(word: str) -> list[str]:
    """Three to five characters in a row, its ends marked: compounds and slips of the pen share most of them."""
    marked = f" {word} "
    return [marked[start : start + size] for size in _PIECES for start in range(max(len(marked) - size + 1, 1))]


def pieces_of(text: str) -> list[str]:
    """Those of each word, as often as it occurs."""
    return [piece for word in split(text) for piece in pieces_of_word(word)]
