"""A model in use forgets the words that stand in no ticket any more: what was taken out of a text must not live on."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from helpdesk_api.domains.classification.features import normalised, pieces_of_word, split, words_of
from helpdesk_api.domains.classification.model import Block, LearnedModel, Neighbours
from helpdesk_api.domains.classification.rules import Example

_Kept = NDArray[np.bool_]


def without_unsaid(model: LearnedModel, examples: Iterable[Example]) -> LearnedModel | None:
    """The model with no word, and no piece of one, that none of these texts has; null when it has none as it is."""
    said: set[str] = set()
    words: set[str] = set()
    for one in examples:
        text = normalised(one.subject, one.description)
        words.update(split(text))
        said.update(words_of(text))
    pieces = {piece for word in words for piece in pieces_of_word(word)}
    kept_words, kept_pieces = _kept(model.words, said), _kept(model.pieces, pieces)
    if kept_words.all() and kept_pieces.all():
        return None
    return replace(
        model,
        words=_cut(model.words, kept_words, 0),
        pieces=_cut(model.pieces, kept_pieces, int(kept_words.sum())),
        coefficients=np.ascontiguousarray(model.coefficients[np.concatenate([kept_words, kept_pieces])]),
        neighbours=_cut_columns(model.neighbours, kept_words),
    )


def _kept(block: Block, said: set[str]) -> _Kept:
    return np.array([token in said for token in block.places], np.bool_)


def _cut(block: Block, kept: _Kept, first: int) -> Block:
    """The places of a block are in the order of its tokens."""
    tokens = [token for token, is_kept in zip(block.places, kept, strict=True) if is_kept]
    return Block({token: place for place, token in enumerate(tokens)}, block.idf[kept], first, block.weight)


def _cut_columns(neighbours: Neighbours, kept: _Kept) -> Neighbours:
    lengths = np.diff(neighbours.starts)
    entries = np.repeat(kept, lengths)
    starts = np.concatenate([[0], np.cumsum(lengths[kept])]).astype(np.int64)
    return replace(neighbours, starts=starts, rows=neighbours.rows[entries], values=neighbours.values[entries])
