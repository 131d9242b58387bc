"""Fitting the model with scikit-learn: TF-IDF of words and their pieces, linear machines, one temperature a field."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import FeatureUnion
from sklearn.svm import LinearSVC

from helpdesk_api.domains.classification.features import normalised, pieces_of, words_of
from helpdesk_api.domains.classification.model import WEIGHTS, Block, Floats, Head, LearnedModel, Neighbours, softmax
from helpdesk_api.domains.classification.rules import FEWEST_OF_A_VALUE, Example, learnable

MAX_WORDS: Final = 30_000
MAX_PIECES: Final = 40_000
MAX_NEIGHBOURS: Final = 4_000
_REGULARISATION: Final = 1.0
_FOLDS: Final = 5
# With so many examples one part in five says enough of how sure the machine may be.
_MANY: Final = 5_000
_TEMPERATURES: Final = np.geomspace(0.1, 50, 120)
# What a machine says of a value that its part of the examples did not have.
_UNHEARD_OF: Final = -3.0


class NothingToLearn(Exception):
    """No field has enough examples of at least two values."""


def _listed(text: str) -> list[str]:
    return list(words_of(text).elements())


def fit(examples: Sequence[Example], fields: Sequence[str]) -> LearnedModel:
    """From the oldest to the newest. Raises `NothingToLearn`."""
    chosen = [field for field in fields if learnable(examples, field)]
    if not chosen:
        raise NothingToLearn
    texts = [normalised(one.subject, one.description) for one in examples]
    words = TfidfVectorizer(analyzer=_listed, sublinear_tf=True, max_features=MAX_WORDS)
    pieces = TfidfVectorizer(analyzer=pieces_of, sublinear_tf=True, min_df=2, max_features=MAX_PIECES)
    union = FeatureUnion([("words", words), ("pieces", pieces)], transformer_weights=WEIGHTS)
    try:
        matrix = union.fit_transform(texts).tocsr()
    except ValueError as error:
        # Not one word in all of the texts.
        raise NothingToLearn from error
    heads, columns, intercepts, first = [], [], [], 0
    for field in chosen:
        values, weights, offsets, temperature = _fit_field(matrix, examples, field)
        heads.append(Head(field, values, first, temperature))
        columns.append(weights)
        intercepts.append(offsets)
        first += len(values)
    word_block = _block(words, 0, WEIGHTS["words"])
    return LearnedModel(
        words=word_block,
        pieces=_block(pieces, len(word_block.places), WEIGHTS["pieces"]),
        coefficients=np.ascontiguousarray(np.concatenate(columns, axis=1), np.float32),
        intercepts=np.concatenate(intercepts).astype(np.float32),
        heads=tuple(heads),
        neighbours=_neighbours(matrix, examples, len(word_block.places)),
    )


def _block(vectorizer: Any, first: int, weight: float) -> Block:
    places = {str(token): place for place, token in enumerate(vectorizer.get_feature_names_out())}
    return Block(places, vectorizer.idf_.astype(np.float32), first, weight)


def _fit_field(matrix: Any, examples: Sequence[Example], field: str) -> tuple[tuple[str, ...], Floats, Floats, float]:
    counts = Counter(one.labels[field] for one in examples if field in one.labels)
    values = tuple(sorted(value for value, count in counts.items() if count >= FEWEST_OF_A_VALUE))
    places = {value: place for place, value in enumerate(values)}
    rows = np.array([row for row, one in enumerate(examples) if one.labels.get(field) in places])
    truth = np.array([places[examples[row].labels[field]] for row in rows])
    data = matrix[rows]
    temperature = _temperature(data, truth, len(values))
    weights, offsets = _machine(data, truth, len(values))
    return values, weights, offsets, temperature


def _machine(data: Any, truth: NDArray[np.int64], count: int) -> tuple[Floats, Floats]:
    """Weights with a column for each value, and offsets. Values that are not among these examples stay unheard of."""
    weights = np.zeros((data.shape[1], count), np.float32)
    offsets = np.full(count, _UNHEARD_OF, np.float32)
    present = np.unique(truth)
    if len(present) < 2:  # noqa: PLR2004 - one value needs no machine
        offsets[present] = -_UNHEARD_OF
        return weights, offsets
    # Rare values count somewhat more than they are: half way between each ticket and each value being equal.
    often = np.bincount(truth)[present]
    scale = dict(zip(present.tolist(), np.sqrt(len(truth) / (len(present) * often)).tolist(), strict=True))
    machine = LinearSVC(C=_REGULARISATION, class_weight=scale, random_state=0).fit(data, truth)
    if len(present) == 2:  # noqa: PLR2004 - of two values scikit-learn keeps one side only
        weights[:, present] = np.stack([-machine.coef_[0], machine.coef_[0]], axis=1)
        offsets[present] = [-machine.intercept_[0], machine.intercept_[0]]
    else:
        weights[:, present] = machine.coef_.T
        offsets[present] = machine.intercept_
    return weights, offsets


def _temperature(data: Any, truth: NDArray[np.int64], count: int) -> float:
    """How sharply scores turn into chances: what makes the truth likeliest on examples that the machine did not see."""
    folds = np.random.default_rng(0).permutation(len(truth)) % _FOLDS
    used = range(_FOLDS) if len(truth) < _MANY else range(1)
    scores, seen = [], []
    for fold in used:
        left_out = folds == fold
        weights, offsets = _machine(data[~left_out], truth[~left_out], count)
        scores.append(data[left_out] @ weights + offsets)
        seen.append(truth[left_out])
    logits, right = np.concatenate(scores), np.concatenate(seen)
    each = np.arange(len(right))
    losses = [-np.log(softmax(logits * value)[each, right] + 1e-12).mean() for value in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(losses))])


def _neighbours(matrix: Any, examples: Sequence[Example], word_count: int) -> Neighbours:
    """The newest tickets' words, column by column."""
    kept = examples[-MAX_NEIGHBOURS:]
    columns = matrix[-len(kept) :, :word_count].tocsc() / WEIGHTS["words"]
    return Neighbours(
        ids=[one.id for one in kept],
        starts=columns.indptr.astype(np.int64),
        rows=columns.indices.astype(np.int32),
        values=columns.data.astype(np.float32),
    )
