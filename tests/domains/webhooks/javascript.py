"""Node, and the reference library of receivers in JavaScript."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "contract" / "webhooks"
PATIENCE_SECONDS = 120


def tool(name: str) -> str:
    bundled = Path(sys.executable).parent / name
    found = str(bundled) if bundled.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"needs {name}, which the development lock installs")
    return found


def standard_webhooks() -> Path:
    """A folder with the one pinned library, installed once per lock file outside the repository."""
    node, npm = tool("node"), tool("npm")
    lock = (PROGRAM / "package-lock.json").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    kit = cache / "helpdesk-contract" / f"webhooks-{hashlib.sha256(lock).hexdigest()[:16]}"
    kit.mkdir(parents=True, exist_ok=True)
    with (kit / ".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not (kit / ".ready").exists():
            for name in ("package.json", "package-lock.json"):
                shutil.copy(PROGRAM / name, kit)
            path = f"{Path(node).parent}:{os.environ['PATH']}"
            command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
            subprocess.run(command, cwd=kit, env={**os.environ, "PATH": path}, check=True, timeout=PATIENCE_SECONDS)
            (kit / ".ready").touch()
    return kit
