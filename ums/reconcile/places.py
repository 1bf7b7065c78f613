"""Where each declared object stands in its file, worked out when somebody asks."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ums.documents import json_path
from ums.places import Place
from ums.reconcile.kinds import Key
from ums.reconcile.load import Declared
from ums.settings import Settings


class Places(Mapping[Key, Place]):
    """By kind and identity. Lines cost a second look at the file: only what an apply changes is ever asked for."""

    def __init__(self, declared: Iterable[Declared], settings: Settings) -> None:
        self._declared = {one.key: one for one in declared}
        config = settings.config.resolve()
        self._base = settings.root if config.is_relative_to(settings.root) else config.parent

    def __getitem__(self, key: Key) -> Place:
        one = self._declared[key]
        lines = {json_path(path): one.document.place(path)[0] for path in one.kind.placed(one.document.body)}
        return Place(self._shown(Path(one.document.file).resolve()), lines)

    def __iter__(self) -> Iterator[Key]:
        return iter(self._declared)

    def __len__(self) -> int:
        return len(self._declared)

    def _shown(self, file: Path) -> str:
        return file.relative_to(self._base).as_posix() if file.is_relative_to(self._base) else file.as_posix()
