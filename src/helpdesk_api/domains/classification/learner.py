"""The process that learns: tickets come in on standard input, the measured model goes out on standard output.

It touches no database and holds no secret. `python -m helpdesk_api.domains.classification.learner`.
"""

import json
import os
import sys
from typing import BinaryIO, Final

from helpdesk_api.domains.classification.rules import Example
from helpdesk_api.integrations.parent import end_with_parent

_NICENESS: Final = 10


def _run(source: BinaryIO, target: BinaryIO) -> None:
    header = json.loads(source.readline())
    examples = [Example(*json.loads(line)) for line in source]
    # scikit-learn takes seconds to import: whoever writes to us, or wrote something else, need not wait for it.
    from helpdesk_api.domains.classification.lesson import learn  # noqa: PLC0415

    report, content = learn(header, examples)
    target.write(json.dumps(report).encode() + b"\n" + content)
    target.flush()


if __name__ == "__main__":
    end_with_parent()
    os.nice(_NICENESS)
    _run(sys.stdin.buffer, sys.stdout.buffer)
