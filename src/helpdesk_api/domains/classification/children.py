"""Work in a process of its own: what scikit-learn takes of memory, and holds of the interpreter, goes with it."""

import asyncio
import os
import sys
from contextlib import suppress
from typing import Final

# A child gets no secret: of our surroundings it needs no more than where things are.
_PASSED_ON: Final = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "HOME", "TMPDIR")
_SAID: Final = 500


# Of a child that has looked at what it was given, and says that it will never be of use (`sysexits.h`: EX_DATAERR).
UNUSABLE: Final = 65


class ChildFailed(Exception):
    """It ended badly, took too long, or said something else than was asked; the text is the end of what it said."""


class ChildRefused(ChildFailed):
    """What it was given is of no use, however often it is asked."""


async def run_child(module: str, content: bytes, *arguments: str, longest_seconds: float) -> bytes:
    """What the module writes when it reads this. Raises `ChildFailed`, or of it `ChildRefused`."""
    surroundings = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        # Two cores that wait for each other are slower than one, and the other has requests to answer.
        env={**surroundings, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONUTF8": "1"},
    )
    try:
        async with asyncio.timeout(longest_seconds):
            output, errors = await process.communicate(content)
    except TimeoutError as error:
        message = f"it took longer than {longest_seconds} s"
        raise ChildFailed(message) from error
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode != 0:
        failure = ChildRefused if process.returncode == UNUSABLE else ChildFailed
        raise failure(errors.decode(errors="replace").strip()[-_SAID:] or f"exit status {process.returncode}")
    return output
