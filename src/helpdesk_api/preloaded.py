"""All that a process of the product runs, imported once; those that `helpdesk serve` starts are forked from it.

Importing takes most of a start. What was imported stays for good, so the collector need not look through it: not while
it comes into being, and not in the processes afterwards, whose memory it would copy by looking.
"""

import gc

gc.disable()

from helpdesk_api import api_process, worker  # noqa: E402, F401 - imported to be there

gc.freeze()
gc.enable()
