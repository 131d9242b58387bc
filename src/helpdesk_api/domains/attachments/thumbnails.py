"""Small pictures, made by a process of its own with limits: what reads foreign pictures must be free to die."""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

MAX_PICTURE_BYTES = 50 * 1024 * 1024
_SECONDS = 30.0
_SMALL_LIMIT = 2 * 1024 * 1024


class NoThumbnail(Exception):
    """The picture cannot be read within the limits."""


async def shrink(content: AsyncIterator[bytes]) -> bytes:
    """A PNG of at most 320 by 320 pixels. Raises NoThumbnail."""
    with tempfile.TemporaryDirectory(prefix="helpdesk-picture-") as folder:
        source = Path(folder) / "source"
        file = await asyncio.to_thread(source.open, "wb")
        try:
            async for chunk in content:
                await asyncio.to_thread(file.write, chunk)
        finally:
            file.close()
        return await _run(source)


async def _run(source: Path) -> bytes:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        str(Path(__file__).with_name("shrinking.py")),
        str(source),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        # Nothing of ours: neither settings nor secrets.
        env={"PATH": os.defpath},
    )
    try:
        async with asyncio.timeout(_SECONDS):
            small, _ = await process.communicate()
    except TimeoutError as error:
        raise NoThumbnail(str(source)) from error
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0 or not 0 < len(small) <= _SMALL_LIMIT:
        message = f"the process ended with {process.returncode}"
        raise NoThumbnail(message)
    return small
