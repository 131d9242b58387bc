"""The model as a file: arrays and texts in skops' format, which cannot carry code."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
import skops.io
from numpy.typing import NDArray

from helpdesk_api.domains.classification.model import WEIGHTS, Block, Head, LearnedModel, Neighbours

FORMAT: Final = 1
_BETWEEN: Final = "\n"


class UnusableModel(Exception):
    """The file is not one that this release wrote; the text says what is wrong with it."""


def checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def to_bytes(model: LearnedModel) -> bytes:
    """Compressed. Texts are arrays of bytes: as elements of a list each would be an object of its own in the file."""
    held = {
        "format": FORMAT,
        "words": _text(model.words.places),
        "words_idf": model.words.idf,
        "pieces": _text(model.pieces.places),
        "pieces_idf": model.pieces.idf,
        "coefficients": model.coefficients.astype(np.float16),
        "intercepts": model.intercepts,
        "heads": [
            {"field": head.field, "values": _text(head.values), "temperature": head.temperature} for head in model.heads
        ],
        "neighbour_ids": _text(model.neighbours.ids),
        "neighbour_starts": model.neighbours.starts,
        "neighbour_rows": model.neighbours.rows,
        "neighbour_values": model.neighbours.values.astype(np.float16),
    }
    return bytes(skops.io.dumps(held, compression=8, compresslevel=1))


def from_bytes(content: bytes, sha256: str) -> LearnedModel:
    """Raises `UnusableModel` for whatever `to_bytes` of this release did not write."""
    if checksum(content) != sha256:
        message = "its checksum is not the one that was stored with it"
        raise UnusableModel(message)
    try:
        unknown = skops.io.get_untrusted_types(data=content)
        held = skops.io.loads(content, trusted=[]) if not unknown else None
    # A broken file fails in as many ways as there are parts of it.
    except Exception as error:
        message = f"it cannot be read ({type(error).__name__})"
        raise UnusableModel(message) from error
    if unknown:
        message = f"it holds types that no model of ours has: {', '.join(sorted(unknown)[:5])}"
        raise UnusableModel(message)
    if not isinstance(held, Mapping) or held.get("format") != FORMAT:
        found = held.get("format") if isinstance(held, Mapping) else None
        message = f"it has the format {found}, and this release reads {FORMAT}"
        raise UnusableModel(message)
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
    for one in held["heads"]:
        values = tuple(_texts(one["values"]))
        heads.append(Head(str(one["field"]), values, first, float(one["temperature"])))
        first += len(values)
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


def _text(values: Iterable[str]) -> NDArray[np.uint8]:
    return np.frombuffer(_BETWEEN.join(values).encode(), np.uint8)


def _texts(held: Any) -> list[str]:
    text = np.asarray(held, np.uint8).tobytes().decode()
    return text.split(_BETWEEN) if text else []


def _places(held: Any) -> dict[str, int]:
    return {token: place for place, token in enumerate(_texts(held))}
