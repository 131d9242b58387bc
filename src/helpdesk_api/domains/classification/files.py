"""The model as a file: arrays and texts in skops' format, which cannot carry code."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
import skops.io
from numpy.typing import NDArray

from helpdesk_api.domains.classification.model import LearnedModel
from helpdesk_api.domains.classification.packing import BETWEEN, UnusableModel, model_of

FORMAT: Final = 1


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


def from_bytes(content: bytes, sha256: str) -> LearnedModel:
    """Raises `UnusableModel` for whatever `to_bytes` of this release did not write."""
    return model_of(checked(content, sha256))


def checked(content: bytes, sha256: str) -> Mapping[str, Any]:
    """What the file holds, of its format and of trusted types alone. Raises `UnusableModel`."""
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
    return held


def _text(values: Iterable[str]) -> NDArray[np.uint8]:
    return np.frombuffer(BETWEEN.join(values).encode(), np.uint8)
