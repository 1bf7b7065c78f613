"""The columns of a spreadsheet of people, and what one of its rows says."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from ums.errors import Problem
from ums.people.load import Chunk
from ums.people.targets import ALL, allowed_binds, is_many
from ums.people.users import PLAIN, Scope, check_tag, check_user_id, read_address
from ums.platforms import LINKED
from ums.spreadsheets import Wrong
from ums.vocabulary import ChannelType

USER_ID, BIND, TAGS = "userId", "bind", "tags"

NAMES = (USER_ID, BIND, TAGS, *(kind.value for kind in ChannelType))

_ALSO = {
    "userid": USER_ID, "user_id": USER_ID, "bind_id": BIND, "tag": TAGS, "app_regid": "app", "phone": "sms",
    "wechatoa_openid": "wechatOa", "wechatmp_openid": "wechatMp", "alipaylife_userid": "alipayLife",
    "dingtalk_userid": "dingtalk", "wechatwk_userid": "wecom",
}  # fmt: skip

KNOWN: dict[str, str] = {**{name.lower(): name for name in NAMES}, **_ALSO}
"""By lower-case name: ours, and those of the reference product's import."""

_APP = ChannelType.APP.value
_SEPARATOR = re.compile(r"[,;，；\s]+")  # noqa: RUF001  # a Chinese keyboard's own
_SCIENTIFIC = re.compile(r"[0-9](\.[0-9]+)?[Ee]\+[0-9]+")
_PLAIN_ID = re.compile(r"[A-Za-z0-9_.@!#$&*=|-]{1,64}").fullmatch
_PLAIN_TAG = re.compile(r"[A-Za-z0-9_.]{1,40}").fullmatch
_FRACTION = re.compile(r"(\+?[0-9]{5,15})\.0")


class Reader:
    """Puts the rows of one sheet into chunks, for a caller who may write what `scope` says."""

    def __init__(self, columns: Sequence[str], scope: Scope) -> None:
        """`columns`: what the cells of a row are, empty where nobody looks."""
        self._places = {name: place for place, name in enumerate(columns) if name}
        self._kinds = [kind for kind in ChannelType if kind.value in self._places]
        keys, codes = set(scope.channel_keys), set(scope.codes)
        self._binds: Mapping[ChannelType, Collection[str]] = {
            kind: allowed_binds(kind, channel_keys=keys, codes=codes) for kind in ChannelType
        }
        self._tag_binds: Collection[str] = keys | {ALL}

        self._width = len(columns)
        self._quick = [
            (self._places[kind.value], kind.value, frozenset(self._binds[kind]), PLAIN[kind]) for kind in self._kinds
        ]

    def put(self, cells: Sequence[str], chunk: Chunk) -> list[tuple[str, str]]:
        """Add a row to the chunk; what is wrong with it, as (column, message), and then nothing was added."""
        return [] if self._put_plain(cells, chunk) else self._put_any(cells, chunk)

    def _put_plain(self, cells: Sequence[str], chunk: Chunk) -> bool:
        """Add a row of the sort that nearly all are, in a fifth of the time; whether it was one."""
        user_id, bind = self._cell(cells, USER_ID), self._cell(cells, BIND) or ALL
        if len(cells) != self._width or bind == LINKED or not _PLAIN_ID(user_id):
            return False
        single: dict[tuple[str, str, str], str] = {}
        many: dict[tuple[str, str, str, str], None] = {}
        tags = [(user_id, bind, tag) for tag in self._cell(cells, TAGS).split(",") if tag]
        if tags and not (bind in self._tag_binds and all(_PLAIN_TAG(tag) for _, _, tag in tags)):
            return False
        for place, kind, binds, plain in self._quick:
            if value := cells[place]:
                if bind not in binds or not (read := plain(value)):
                    return False
                if kind == _APP:
                    many[user_id, kind, bind, read] = None
                else:
                    single[user_id, kind, bind] = read
        chunk.users[user_id] = None
        chunk.single |= single
        chunk.many |= many
        chunk.tags |= dict.fromkeys(tags)
        return True

    def _put_any(self, cells: Sequence[str], chunk: Chunk) -> list[tuple[str, str]]:
        if problems := list(self._broken(cells)):
            return problems
        user_id, bind = self._cell(cells, USER_ID), self._cell(cells, BIND) or ALL
        problems = _said(USER_ID, check_user_id(user_id, ""))
        tags = [tag for tag in _SEPARATOR.split(self._cell(cells, TAGS)) if tag]
        if tags:
            problems += self._check_tags(tags, bind)
        addresses = []
        for kind in self._kinds:
            if value := self._cell(cells, kind.value):
                read, wrong = self._address(kind, bind, value)
                problems += wrong
                addresses.append((kind, read))
        if not problems:
            _add(chunk, user_id, bind, (tags, addresses))
        return problems

    def _cell(self, cells: Sequence[str], name: str) -> str:
        place = self._places.get(name, len(cells))
        return cells[place] if place < len(cells) else ""

    def _broken(self, cells: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Cells that could not be read, that Excel has rounded, or that have no column."""
        if len(cells) > len(self._places) and any(cells[max(self._places.values()) + 1 :]):
            yield "", f"found {len(cells)} cells, expected at most {max(self._places.values()) + 1}"
        for name, place in self._places.items():
            cell = cells[place] if place < len(cells) else ""
            if isinstance(cell, Wrong):
                yield name, str(cell)
            elif cell[:1].isdigit() and _SCIENTIFIC.fullmatch(cell):
                yield name, f"found {cell}, a number that was rounded; format the column as text and enter it again"

    def _check_tags(self, tags: Sequence[str], bind: str) -> Iterator[tuple[str, str]]:
        if bind not in self._tag_binds:
            yield BIND, f"found {bind!r}, expected for tags one of {_some(self._tag_binds)}"
        for tag in tags:
            yield from _said(TAGS, check_tag(tag, ""))

    def _address(self, kind: ChannelType, bind: str, value: str) -> tuple[str, list[tuple[str, str]]]:
        allowed = self._binds[kind]
        if bind not in allowed:
            return value, [(BIND, f"found {bind!r}, expected for {kind.value} one of {_some(allowed)}")]
        if kind is ChannelType.SMS and (fraction := _FRACTION.fullmatch(value)):
            value = fraction[1]  # some program took the phone number for a fraction
        read, wrong = read_address(kind, value, "", bind)
        return read, _said(kind.value, wrong)


def _add(chunk: Chunk, user_id: str, bind: str, said: tuple[Sequence[str], Sequence[tuple[ChannelType, str]]]) -> None:
    chunk.users[user_id] = None
    for tag in said[0]:
        chunk.tags[user_id, bind, tag] = None
    for kind, value in said[1]:
        if is_many(kind, bind):
            chunk.many[user_id, kind.value, bind, value] = None
        else:
            chunk.single[user_id, kind.value, bind] = value


def _said(column: str, problems: Sequence[Problem]) -> list[tuple[str, str]]:
    return [(column, problem.message) for problem in problems]


def _some(names: Collection[str]) -> str:
    """The first few of them."""
    named = sorted(names)
    return ", ".join(named[:8]) + (f" and {len(named) - 8} more" if len(named) > 8 else "") or "none"


SAMPLE: Sequence[Mapping[str, str]] = (
    {USER_ID: "u1001", TAGS: "vip,beijing", "sms": "13800000001", "email": "ann@example.com"},
    {USER_ID: "u1001", BIND: "{code}", "app": "the-registration-id-of-a-device"},
    {USER_ID: "u1002", "sms": "+8613800000002", "dingtalk": "staff-0042", "wecom": "li.si"},
)
"""What `ums people sample` writes; `{code}` is a DeliveryChannel of the installation, where it has one."""

Progress = Callable[[float, int], None]
"""Called with how much was read, from 0 to 1, and the number of rows so far."""
