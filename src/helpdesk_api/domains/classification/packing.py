"""The model as plain arrays, for processes that use it: numpy alone makes it, and no scikit-learn is loaded."""

import io
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from helpdesk_api.domains.classification.model import WEIGHTS, Block, Head, LearnedModel, Neighbours

BETWEEN: Final = "\n"


class UnusableModel(Exception):
    """The file is not one that this release wrote; the text says what is wrong with it."""


def unpack(content: bytes) -> LearnedModel:
    """Of what `packed` gave. Raises `UnusableModel`."""
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return model_of(dict(arrays))


def packed(held: Mapping[str, Any]) -> bytes:
    """A checked file's arrays."""
    target = io.BytesIO()
    arrays: dict[str, Any] = {name: np.asarray(value) for name, value in held.items()}
    np.savez(target, **arrays)
    return target.getvalue()


def model_of(held: Mapping[str, Any]) -> LearnedModel:
    """Raises `UnusableModel` unless the arrays are all there and fit together."""
    try:
        return _model(held)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        message = f"a part is missing or misshapen ({error})"
        raise UnusableModel(message) from error


def _model(held: Mapping[str, Any]) -> LearnedModel:
    words = Block(_places(held["words"]), np.asarray(held["words_idf"], np.float32), 0, WEIGHTS["words"])
    pieces = Block(
        _places(held["pieces"]), np.asarray(held["pieces_idf"], np.float32), len(words.places), WEIGHTS["pieces"]
    )
    heads: list[Head] = []
    first = 0
    values, counts = _texts(held["values"]), np.asarray(held["value_counts"]).tolist()
    temperatures = np.asarray(held["temperatures"]).tolist()
    for field, count, temperature in zip(_texts(held["fields"]), counts, temperatures, strict=True):
        heads.append(Head(field, tuple(values[first : first + count]), first, temperature))
        first += count
    model = LearnedModel(
        words,
        pieces,
        np.ascontiguousarray(held["coefficients"], np.float32),
        np.asarray(held["intercepts"], np.float32),
        tuple(heads),
        Neighbours(
            list(_texts(held["neighbour_ids"])),
            np.asarray(held["neighbour_starts"], np.int64),
            np.asarray(held["neighbour_rows"], np.int32),
            np.asarray(held["neighbour_values"], np.float32),
        ),
    )
    _check_shape(model, first)
    return model


def _check_shape(model: LearnedModel, columns: int) -> None:
    features = len(model.words.places) + len(model.pieces.places)
    near = model.neighbours
    if (
        model.coefficients.shape != (features, columns)
        or model.intercepts.shape != (columns,)
        or len(model.words.idf) != len(model.words.places)
        or len(model.pieces.idf) != len(model.pieces.places)
        or len(near.starts) != len(model.words.places) + 1
        or len(near.rows) != len(near.values)
        or (len(near.rows) and near.rows.max() >= len(near.ids))
    ):
        message = "its arrays do not fit together"
        raise ValueError(message)


def _texts(held: Any) -> list[str]:
    text = np.asarray(held, np.uint8).tobytes().decode()
    return text.split(BETWEEN) if text else []


def _places(held: Any) -> dict[str, int]:
    return {token: place for place, token in enumerate(_texts(held))}
