"""The command `helpdesk`: what it is going to serve is imported while its command line still is."""

import sys

from helpdesk_api import preloading


def main() -> None:
    if sys.argv[1:2] == ["serve"]:
        preloading.begin()
    from helpdesk_api.cli import app

    try:
        app()
    finally:
        preloading.end()


if __name__ == "__main__":
    main()
