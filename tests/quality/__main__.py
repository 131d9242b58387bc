"""`make bench-quality`: what is learned against what is plain, on real tickets and articles, in one run.

Each module of this package with a function `report()` prints its part; arguments name the modules to run.
"""

import sys
from importlib import import_module
from pkgutil import iter_modules

from tests import quality


def main(wanted: list[str]) -> None:
    names = [one.name for one in iter_modules(quality.__path__) if not one.name.startswith("_")]
    for name in wanted or names:
        module = import_module(f"tests.quality.{name}")
        if hasattr(module, "report"):
            module.report()


if __name__ == "__main__":
    main(sys.argv[1:])
