"""Owns an embedded PostgreSQL, to be killed: `python owning.py DATA [USER_ID]` prints pid and URL, and waits."""

import os
import signal
import sys
import time
from pathlib import Path

import asyncpg  # noqa: F401 - loaded before the user is dropped, as is all that is used below

from helpdesk_api.database.embedded import EmbeddedPostgres


def main() -> None:
    # What a script runs in the background ignores it, and so would this.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if len(sys.argv) > 2:
        user = int(sys.argv[2])
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
    with EmbeddedPostgres(Path(sys.argv[1]), durable=False) as server:
        sys.stdout.write(f"{server.process_id} {server.url}\n")
        sys.stdout.flush()
        time.sleep(120)


if __name__ == "__main__":
    main()
