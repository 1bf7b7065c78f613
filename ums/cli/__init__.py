"""The entrance for people and CI: `ums`."""

import sys
from collections.abc import Sequence

from ums.cli import config as config  # one line for each module that adds commands
from ums.cli import demo as demo
from ums.cli import service as service
from ums.cli.terminal import app
from ums.errors import UmsError


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; what UMS itself finds wrong is said without a traceback, and the exit code is 1."""
    try:
        app(arguments)
    except UmsError as error:
        print(error, file=sys.stderr)
        raise SystemExit(1) from error
