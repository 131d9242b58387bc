"""`python -m tests.quality` prints the report of every module here that has one."""

import importlib
import pkgutil

import tests.quality as package


def main() -> None:
    for found in pkgutil.iter_modules(package.__path__):
        if found.name != "__main__":
            report = getattr(importlib.import_module(f"{package.__name__}.{found.name}"), "report", None)
            if report is not None:
                report()


if __name__ == "__main__":
    main()
