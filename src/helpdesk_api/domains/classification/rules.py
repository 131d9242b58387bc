"""What is learned from, and whether it is enough. Pure."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from helpdesk_api.domains.classification.features import normalised

# Of fewer tickets nothing can be learned that a rule would not say better.
FEWEST_TICKETS: Final = 40
FEWEST_OF_A_VALUE: Final = 2
_HELD_BACK: Final = 5


@dataclass(frozen=True, slots=True)
class Example:
    """A ticket with the values that people left it with; fields that nobody decided are missing from `labels`."""

    id: str
    subject: str
    description: str
    labels: Mapping[str, str]

    @property
    def is_held_back(self) -> bool:
        """One text in five, always the same ones: no model was ever fitted to what it is measured on."""
        text = normalised(self.subject, self.description)
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) % _HELD_BACK == 0


def learnable(examples: Sequence[Example], field: str) -> bool:
    """Whether there are enough tickets of at least two values."""
    counts = Counter(one.labels[field] for one in examples if field in one.labels)
    kept = [count for count in counts.values() if count >= FEWEST_OF_A_VALUE]
    return len(kept) > 1 and sum(kept) >= FEWEST_TICKETS
