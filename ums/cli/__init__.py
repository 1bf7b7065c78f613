"""The entrance for people and CI: `ums`."""

import sys
from collections.abc import Sequence

from typer import Abort
from typer.exceptions import TyperException

from ums.cli import auditing as auditing  # one line for each module that adds commands
from ums.cli import config as config
from ums.cli import demo as demo
from ums.cli import folders as folders
from ums.cli import members as members
from ums.cli import numbers as numbers
from ums.cli import people as people
from ums.cli import previewing as previewing
from ums.cli import provider_templates as provider_templates
from ums.cli import rehearse as rehearse
from ums.cli import revisions as revisions
from ums.cli import secrets as secrets
from ums.cli import service as service
from ums.cli import template_library as template_library
from ums.cli import upkeep as upkeep
from ums.cli import watching as watching
from ums.cli import wechat as wechat
from ums.cli.terminal import app
from ums.errors import UmsError


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; what UMS itself finds wrong is said without a traceback.

    The exit code is 1 for that and for a command line that cannot be read: 2 is a plan that has changes.
    """
    try:
        code = app(arguments, standalone_mode=False)
    except UmsError as error:
        print(error, file=sys.stderr)
        raise SystemExit(1) from error
    except TyperException as error:
        print(f"{error.format_message()}; see: ums --help", file=sys.stderr)
        raise SystemExit(1) from error
    except (Abort, KeyboardInterrupt) as error:
        raise SystemExit(130) from error
    raise SystemExit(code if isinstance(code, int) else 0)
