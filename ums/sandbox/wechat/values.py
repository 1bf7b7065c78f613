"""Which values a key takes: https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Template_Message_Interface.html"""

import re
from collections.abc import Iterable, Mapping

from ums.sandbox.wechat.refusals import Refused

KEY = re.compile(r"([a-z_]+?)\d+", re.ASCII)
_CLOCK = r"(?:[01]?\d|2[0-4]):[0-5]\d(?::[0-5]\d)?"
_DAY = (
    r"(?:\d{4}年\d{1,2}月(?:\d{1,2}日)?|\d{1,2}月\d{1,2}日|\d{1,2}[-/.]\d{1,2}"
    r"|\d{4}(?P<mark>[-/.])\d{1,2}(?:(?P=mark)\d{1,2})?)"
)
_DATE = rf"{_DAY}(?: ?{_CLOCK})?"
_HAN = "\u4e00-\u9fff"

RULES = {
    "thing": r".{1,20}",
    "const": r".{1,20}",
    "character_string": r"[\x21-\x7e ]{1,32}",
    "number": r"[+-]?\d{1,32}(?:\.\d+)?",
    "letter": r"[A-Za-z]{1,32}",
    "symbol": rf"[^\w\s{_HAN}]{{1,5}}",
    "amount": r"[^\d\s.]?\d{1,10}(\.\d+)?元?",
    "phone_number": r"[\d+() -]{1,17}",
    "car_number": rf"[{_HAN}A-Za-z0-9][A-Za-z0-9]{{0,6}}[{_HAN}A-Za-z0-9]?",
    "name": rf"[^\n\d]{{1,10}}|[^\n\d{_HAN}]{{1,20}}",
    "phrase": rf"[{_HAN}]{{1,5}}",
}
_PATTERNS = {kind: re.compile(pattern, re.ASCII) for kind, pattern in RULES.items()}
# The page of Official Accounts lists times and dates together, each as good as the other.
_MOMENTS = {"time": re.compile(rf"{_CLOCK}|{_DATE}", re.ASCII), "date": re.compile(_DATE, re.ASCII)}


def check(data: object, keys: Iterable[str]) -> None:
    """Of a message, whose template needs these keys; refuses with the name of the first wrong one."""
    if not isinstance(data, Mapping) or not data:
        raise Refused(47001, "data format error")
    for key in [*data, *keys]:
        given = data.get(key)
        value = given.get("value") if isinstance(given, Mapping) else None
        if value in (None, ""):
            raise Refused(47003, f"argument invalid! data.{key}.value is emtpy")  # so it is spelt there
        if not _fits(key, str(value)):
            raise Refused(47003, f"argument invalid! data.{key}.value invalid")


def _fits(key: str, value: str) -> bool:
    named = KEY.fullmatch(key)
    kind = named[1] if named else ""
    if kind in _MOMENTS:
        moments = value.split("~")
        return len(moments) <= 2 and all(_MOMENTS[kind].fullmatch(moment.strip()) for moment in moments)
    return kind not in _PATTERNS or _PATTERNS[kind].fullmatch(value) is not None
