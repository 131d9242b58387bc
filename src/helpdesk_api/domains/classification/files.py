"""The model as a file: arrays and texts in skops' format, which cannot carry code; `reading.py` reads it."""

from collections.abc import Iterable

import numpy as np
import skops.io
from numpy.typing import NDArray

from helpdesk_api.domains.classification.model import LearnedModel
from helpdesk_api.domains.classification.packing import BETWEEN
from helpdesk_api.domains.classification.reading import FORMAT, checksum, from_bytes

__all__ = ["checksum", "from_bytes", "to_bytes"]


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
        "fields": _text(head.field for head in model.heads),
        "temperatures": np.array([head.temperature for head in model.heads]),
        "value_counts": np.array([len(head.values) for head in model.heads]),
        "values": _text(value for head in model.heads for value in head.values),
        "neighbour_ids": _text(model.neighbours.ids),
        "neighbour_starts": model.neighbours.starts,
        "neighbour_rows": model.neighbours.rows,
        "neighbour_values": model.neighbours.values.astype(np.float16),
    }
    return bytes(skops.io.dumps(held, compression=8, compresslevel=1))


def _text(values: Iterable[str]) -> NDArray[np.uint8]:
    return np.frombuffer(BETWEEN.join(values).encode(), np.uint8)
