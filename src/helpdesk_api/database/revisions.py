"""Which schema this release has, read off the migrations without loading them: a warm start takes no time for it."""

import re
from pathlib import Path

_CHECKOUT = Path(__file__).parents[3]
_REVISION = re.compile(r"""^revision(?:: str)? = ["'](\w+)["']""", re.MULTILINE)
_DOWN_REVISION = re.compile(r"""^down_revision(?:: [^=]+)? = ["'](\w+)["']""", re.MULTILINE)


def migrations_root() -> Path:
    """The folder that holds `migrations` and `alembic.ini`: the checkout, else where the process runs (the image)."""
    for root in (_CHECKOUT, Path.cwd()):
        if (root / "migrations" / "env.py").exists():
            return root
    message = "the folder `migrations` is neither beside the package nor in the current folder"
    raise FileNotFoundError(message)


def newest_revision() -> str | None:
    texts = [path.read_text(encoding="utf-8") for path in (migrations_root() / "migrations" / "versions").glob("*.py")]
    known = {found for text in texts for found in _REVISION.findall(text)}
    followed = {found for text in texts for found in _DOWN_REVISION.findall(text)}
    newest = known - followed
    if len(newest) > 1:
        message = f"several migrations claim to be the newest: {', '.join(sorted(newest))}"
        raise ValueError(message)
    return newest.pop() if newest else None
