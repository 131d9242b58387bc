"""Commands out of our documents, as a reader would paste them, and what the document says that they print."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

# Between what two commands print: nothing in an answer of ours holds it.
SEPARATOR = "\x1e"
WALK_SECONDS = 120


@dataclass
class Stop:
    """One block of commands, and what the document says that they print."""

    commands: list[str]
    expected: list[str] = field(default_factory=list)


def chapter(document: Path, title: str) -> str:
    text = document.read_text(encoding="utf-8")
    return text.split(f"\n## {title}\n", maxsplit=1)[1].split("\n## ", maxsplit=1)[0]


def blocks(text: str) -> list[tuple[str, str]]:
    """Fenced blocks: language and text, in their order."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def stops(text: str) -> list[Stop]:
    """Its commands; a block of text belongs to the commands before it."""
    found: list[Stop] = []
    for language, content in blocks(text):
        lines = content.rstrip("\n").split("\n")
        if language == "bash":
            found.append(Stop(lines))
        elif language == "text":
            found[-1].expected = lines
    return found


def walk(commands: list[str], folder: Path | None = None) -> list[str]:
    """What each command prints, all in one shell. One that fails fails the walk; what it left running is ended."""
    script = "".join(f"{command} || exit 1\nprintf '\\036'\n" for command in commands)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        # Into files: what still runs in the background would hold pipes open.
        with subprocess.Popen(
            ["bash", "-o", "pipefail"],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=errors,
            env={"PATH": path, "LANG": "C.UTF-8", "PYTHONUTF8": "1"},
            start_new_session=True,
        ) as shell:
            try:
                shell.communicate(script.encode(), WALK_SECONDS)
            finally:
                end_group(shell)
        printed, said = _text(output), _text(errors)
    assert shell.returncode == 0, f"{printed}\n{said}"
    return printed.split(SEPARATOR)[:-1]


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


def end_group(process: "subprocess.Popen[bytes]") -> None:
    """It, and what it started: the packaged Node is a program that starts another."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
