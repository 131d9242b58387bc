"""`python -m helpdesk_api.parent MODULE …` runs a module that ends when its parent does, even by `kill -9`."""

import ctypes
import os
import runpy
import signal
import sys
import threading
import time

# With the parent went the embedded PostgreSQL: whoever still waits for it after this long waits for ever.
GRACE_SECONDS = 15.0
_POLL_SECONDS = 1.0
_PR_SET_PDEATHSIG = 1


def main() -> None:
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    threading.Thread(target=_follow, args=(parent,), name="follow-parent", daemon=True).start()
    module = sys.argv[1]
    sys.argv = sys.argv[1:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _follow(parent: int) -> None:
    """Linux tells us at once; elsewhere we look. An orderly end first, then any end."""
    while os.getppid() == parent:
        time.sleep(_POLL_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main()
