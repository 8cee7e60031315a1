"""``intentkg`` and ``python -m intentkg``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    from intentkg._house import ShadowedPackageError, check_house

    try:
        check_house()
    except ShadowedPackageError as error:
        sys.exit(f"error: {error}")
    from intentkg.cli import run

    sys.exit(run())


if __name__ == "__main__":
    main()
