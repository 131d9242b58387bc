"""The process that opens a model's file: the file comes in, plain arrays go out; what it was made of ends with it.

`python -m helpdesk_api.domains.classification.opener CHECKSUM`; exit status 65 with the reason on standard error
for a file that no release of ours wrote.
"""

import sys

from helpdesk_api.domains.classification.children import UNUSABLE
from helpdesk_api.domains.classification.packing import UnusableModel, model_of, packed
from helpdesk_api.domains.classification.reading import checked
from helpdesk_api.integrations.parent import end_with_parent

if __name__ == "__main__":
    end_with_parent()
    try:
        held = checked(sys.stdin.buffer.read(), sys.argv[1])
        model_of(held)
    except UnusableModel as error:
        sys.stderr.write(str(error))
        sys.exit(UNUSABLE)
    sys.stdout.buffer.write(packed(held))
