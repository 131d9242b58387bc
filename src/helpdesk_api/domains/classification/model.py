"""The learned model when it is used: lookups in Python, one dot product for all fields, no scikit-learn."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from helpdesk_api.domains.classification.features import normalised, pieces_of_word, split, words_of

WORDS_SHOWN: Final = 5
ALTERNATIVES: Final = 3
NEAREST: Final = 3
# Words and pieces of words are normalised apart; this is how much each counts.
WEIGHTS: Final = {"words": 0.8, "pieces": 0.6}
# Below it two tickets have no more in common than any two letters.
_ALIKE: Final = 0.15

# The rarest words of a text; the others say little of what it is like.
_TELLING: Final = 24

Floats = NDArray[np.float32]
Places = NDArray[np.int64]
_NOWHERE: Final[Places] = np.empty(0, np.int64)
_NOTHING: Final[Floats] = np.empty(0, np.float32)
_WORDS_KEPT: Final = 20_000
_SHARES: Final = 10_000


@dataclass(frozen=True, slots=True)
class Head:
    """One field's columns in the coefficients: its values from `first` on. Scores times `temperature` are logits."""

    field: str
    values: tuple[str, ...]
    first: int
    temperature: float


@dataclass(frozen=True, slots=True)
class Guess:
    """The likeliest value, how sure, the words that spoke for it, and the next ones."""

    value: str
    confidence: float
    words: tuple[str, ...]
    alternatives: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Prediction:
    """Of one text: a guess for each field that the model knows, and the tickets most like it with their likeness."""

    guesses: Mapping[str, Guess]
    nearest: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Block:
    """A vocabulary and its inverse document frequencies; its features start at `first`."""

    places: Mapping[str, int]
    idf: Floats
    first: int
    weight: float

    # The places of the pieces of a word; people use the same few thousand words again and again.
    of_word: dict[str, Places] = field(default_factory=dict)

    def of_words(self, counts: Counter[str]) -> tuple[Places, Floats]:
        """The places and the weights of what it knows, of length one before its own weight."""
        found = [(place, count) for token, count in counts.items() if (place := self.places.get(token)) is not None]
        if not found:
            return _NOWHERE, _NOTHING
        places, times = zip(*found, strict=True)
        return self._weighted(np.array(places, np.int64), np.array(times, np.float32))

    def of_pieces(self, words: Iterable[str]) -> tuple[Places, Floats]:
        """As `of_words`, for the pieces of these words."""
        found = [self._pieces(word) for word in words]
        if not found:
            return _NOWHERE, _NOTHING
        places, times = np.unique(np.concatenate(found), return_counts=True)
        return self._weighted(places, times) if len(places) else (_NOWHERE, _NOTHING)

    def _pieces(self, word: str) -> Places:
        known = self.of_word.get(word)
        if known is None:
            found = [place for piece in pieces_of_word(word) if (place := self.places.get(piece)) is not None]
            known = np.array(found, np.int64)
            if len(self.of_word) < _WORDS_KEPT:
                self.of_word[word] = known
        return known

    def _weighted(self, places: Places, times: Any) -> tuple[Places, Floats]:
        values = (1.0 + np.log(times)) * self.idf[places]
        return places, (values * (self.weight / np.linalg.norm(values))).astype(np.float32)


@dataclass(frozen=True)
class Neighbours:
    """Vectors of tickets that were learned from, by word: of word `w` those at `starts[w]:starts[w + 1]`."""

    ids: Sequence[str]
    starts: Places
    rows: NDArray[np.int32]
    values: Floats

    def nearest(self, places: Places, values: Floats) -> tuple[tuple[str, float], ...]:
        """By cosine, most alike first."""
        if not len(self.ids) or not len(places):
            return ()
        if len(places) > _TELLING:
            telling = np.argpartition(-values, _TELLING)[:_TELLING]
            places, values = places[telling], values[telling]
        starts, ends = self.starts[places].tolist(), self.starts[places + 1].tolist()
        ranges = [slice(start, end) for start, end in zip(starts, ends, strict=True)]
        rows = np.concatenate([self.rows[each] for each in ranges])
        shares = np.concatenate([self.values[each] for each in ranges])
        shares *= np.repeat(values, [each.stop - each.start for each in ranges])
        likeness = np.bincount(rows, weights=shares, minlength=len(self.ids))
        most = min(NEAREST, len(self.ids))
        best = np.argpartition(-likeness, most - 1)[:most]
        best = best[np.argsort(-likeness[best])]
        return tuple(
            (self.ids[row], round(float(min(likeness[row], 1.0)), 3)) for row in best if likeness[row] > _ALIKE
        )


@dataclass(frozen=True)
class LearnedModel:
    """`coefficients` has a row for each feature and a column for each value of each field."""

    words: Block
    pieces: Block
    coefficients: Floats
    intercepts: Floats
    heads: tuple[Head, ...]
    neighbours: Neighbours

    def predict(self, subject: str, description: str) -> Prediction:
        """Of any text; of one without a known word nothing, since what is frequent is no reason."""
        text = normalised(subject, description)
        counts = words_of(text)
        word_places, word_values = self.words.of_words(counts)
        if not len(word_places):
            return Prediction({}, ())
        piece_places, piece_values = self.pieces.of_pieces(split(text))
        places = np.concatenate([word_places, piece_places + self.pieces.first])
        scores = np.concatenate([word_values, piece_values]) @ self.coefficients[places] + self.intercepts
        spelled = [token for token in counts if token in self.words.places]
        guesses = {head.field: self._guess(head, scores, spelled, word_places, word_values) for head in self.heads}
        nearest = self.neighbours.nearest(word_places, word_values / np.float32(self.words.weight))
        return Prediction(guesses, nearest)

    def _guess(self, head: Head, scores: Floats, spelled: Sequence[str], places: Places, values: Floats) -> Guess:
        end = head.first + len(head.values)
        chances = softmax(scores[head.first : end] * head.temperature)
        order = np.argsort(-chances)[: ALTERNATIVES + 1]
        best = int(order[0])
        return Guess(
            value=head.values[best],
            # Down to what is kept of it: what is told of it later stands on the same side of a threshold.
            confidence=math.floor(float(chances[best]) * _SHARES) / _SHARES,
            words=self._speaking_for(head.first + best, spelled, places, values),
            alternatives=tuple((head.values[int(place)], float(chances[place])) for place in order[1:]),
        )

    def _speaking_for(self, column: int, spelled: Sequence[str], places: Places, values: Floats) -> tuple[str, ...]:
        shares = self.coefficients[places, column] * values
        best = np.argsort(-shares)[: 2 * WORDS_SHOWN].tolist()
        kept: list[str] = []
        for place in best:
            word = spelled[place]
            # A pair says what its words say.
            if shares[place] > 0 and not any(word in other or other in word for other in kept):
                kept.append(word)
        return tuple(kept[:WORDS_SHOWN])


def softmax(scores: Any) -> Any:
    """Along the last axis."""
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)
