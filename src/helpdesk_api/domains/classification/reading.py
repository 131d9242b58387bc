"""Reads the model's file without skops, which wrote it: that takes seconds and a hundred megabytes to import.

A file of skops is a ZIP of arrays with a description beside them. Ours hold arrays and JSON alone; an array with
objects in it is not read.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from helpdesk_api.domains.classification.model import LearnedModel
from helpdesk_api.domains.classification.packing import UnusableModel, model_of

FORMAT: Final = 1


def checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def from_bytes(content: bytes, sha256: str) -> LearnedModel:
    """Raises `UnusableModel` for whatever `files.to_bytes` of this release did not write."""
    return model_of(checked(content, sha256))


def checked(content: bytes, sha256: str) -> Mapping[str, Any]:
    """What the file holds, of its format and of known types alone. Raises `UnusableModel`."""
    if checksum(content) != sha256:
        message = "its checksum is not the one that was stored with it"
        raise UnusableModel(message)
    try:
        held, unknown = _parts(content)
    # A broken file fails in as many ways as there are parts of it.
    except Exception as error:
        message = f"it cannot be read ({type(error).__name__})"
        raise UnusableModel(message) from error
    if unknown:
        message = f"it holds types that no model of ours has: {', '.join(sorted(unknown)[:5])}"
        raise UnusableModel(message)
    if held.get("format") != FORMAT:
        message = f"it has the format {held.get('format')}, and this release reads {FORMAT}"
        raise UnusableModel(message)
    return held


def _parts(content: bytes) -> tuple[dict[str, Any], set[str]]:
    """Those of known types by name, and the types of the others."""
    held: dict[str, Any] = {}
    unknown: set[str] = set()
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        described = json.loads(file.read("schema.json"))
        if described["__loader__"] != "DictNode":
            return {}, {_type_of(described)}
        for name, part in described["content"].items():
            kind = part["__loader__"]
            if kind == "JsonNode":
                held[name] = json.loads(part["content"])
            elif kind == "NdArrayNode" and part["type"] == "numpy":
                held[name] = np.load(io.BytesIO(file.read(part["file"])), allow_pickle=False)
            else:
                unknown.add(_type_of(part))
    return held, unknown


def _type_of(part: Mapping[str, Any]) -> str:
    return f"{part['__module__']}.{part['__class__']}"
