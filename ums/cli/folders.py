"""What UMS writes into a folder: a first installation, an export, the schemas."""

import asyncio
import json
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from ums import reconcile
from ums.api import schema as api
from ums.cli.report import Chosen, Format, as_json, reported
from ums.cli.terminal import app, installation
from ums.errors import UmsError
from ums.reconcile.export import FolderInUse
from ums.schemas import did_you_mean, schemas

GRAPHQL = "graphql"
_PACKAGE = Path(__file__).parents[1]
_EXAMPLES = (_PACKAGE / "share", _PACKAGE.parent)  # an installed wheel's, a checkout's


def example() -> Path:
    """Where the example installation is: `ums.yaml` and `config/`."""
    return next(place for place in _EXAMPLES if (place / "ums.yaml").is_file())


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Empty, or not there yet; a .git in it does not count.")] = Path(),
) -> None:
    """Write a working ums.yaml, config/ and the schemas that editors check them by into an empty folder."""
    if folder.exists() and [name for name in folder.iterdir() if name.name != ".git"]:
        raise FolderInUse(f"{folder.resolve()} is not empty; name a folder that is empty or not there yet")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(example() / "ums.yaml", folder)
    shutil.copytree(example() / "config", folder / "config")
    _write_schemas(folder / "schemas")
    (folder / ".gitignore").write_text("var/\n")
    print(f"wrote ums.yaml, config/ and schemas/ to {folder.resolve()}")
    print("next: ums validate, ums plan, ums apply; or see it send: ums up --sandbox")


@app.command("export")
def export_folder(
    folder: Annotated[Path, typer.Argument(help="Empty, or not there yet.")], how: Chosen = Format.TEXT
) -> None:
    """Write what is live as documents, a file for each object; secrets as references only."""
    with reported(how):
        files, left = asyncio.run(reconcile.exported(installation(), folder))
    if how is Format.JSON:
        as_json(
            {"files": list(map(str, files)), "left": [{"object": "/".join(x.key), "reason": x.reason} for x in left]}
        )
        return
    for one in left:
        print(f"left out {'/'.join(one.key)}: {one.reason}", file=sys.stderr)
    print(f"wrote {len(files)} file{'' if len(files) == 1 else 's'} to {folder}")


@app.command()
def schema(
    name: Annotated[str, typer.Argument(help="Which; without it, their names.")] = "",
    write: Annotated[Path | None, typer.Option("--write", metavar="DIR", help="All of them, as files.")] = None,
) -> None:
    """Print a JSON Schema or `graphql`, the API's; without a name the names of all."""
    known = schemas()
    if write:
        print(f"wrote {_write_schemas(write)} files to {write}")
    elif not name:
        print("\n".join([*known, GRAPHQL]))
    elif name == GRAPHQL:
        print(api.schema.as_str())
    elif name in known:
        print(_as_text(known[name]))
    else:
        raise UmsError(f"no schema {name!r}{did_you_mean(name, [*known, GRAPHQL])}")


def _write_schemas(folder: Path) -> int:
    for name, one in schemas().items():
        file = folder / f"{name}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(_as_text(one) + "\n")
    (folder / "ums.graphql").write_text(api.schema.as_str() + "\n")
    return len(schemas()) + 1


def _as_text(one: object) -> str:
    return json.dumps(one, ensure_ascii=False, indent=2)
