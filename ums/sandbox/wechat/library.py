"""The templates of an account, and the public library: a small one of our own making.

https://developers.weixin.qq.com/miniprogram/dev/framework/open-ability/subscribe-message.html
"""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ums.sandbox.wechat.refusals import Refused

CATEGORIES = ({"id": 616, "name": "Retail"}, {"id": 307, "name": "Delivery"})
TITLES = tuple(
    {"tid": 1000 + number, "title": f"Order news {number}", "type": 3 if number % 10 == 0 else 2, "categoryId": 616}
    for number in range(1, 41)
)
KEYWORDS = (
    {"kid": 1, "name": "Order", "example": "2026112300001", "rule": "character_string"},
    {"kid": 2, "name": "Goods", "example": "Tea", "rule": "thing"},
    {"kid": 3, "name": "Price", "example": "12.50", "rule": "amount"},
    {"kid": 4, "name": "Paid", "example": "2026-11-23 15:01", "rule": "time"},
)
SAMPLE: Mapping[str, str] = {
    "template_id": "iPk5sOIt5X_flOVKn5GrTFpncEYTojx6ddbt8WYoV5s",
    "title": "Order shipped",
    "primary_industry": "IT",
    "deputy_industry": "Internet/E-commerce",
    "content": "Order: {{character_string1.DATA}}\nGoods: {{thing2.DATA}}\n",
    "example": "Order: 2026112300001\nGoods: Tea\n",
}
"""A template for template messages that every account has."""
INDUSTRIES = {
    "primary_industry": {"first_class": "IT", "second_class": "Internet/E-commerce"},
    "secondary_industry": {"first_class": "Logistics", "second_class": "Express"},
}
MOST_TITLES = 30


@dataclass
class Library:
    """Of one account. A template that it does not know is taken as it comes, unless it was deleted here."""

    most: int
    """Templates of subscription messages."""
    messages: dict[str, Mapping[str, str]] = field(default_factory=lambda: {SAMPLE["template_id"]: SAMPLE})
    picked: dict[str, dict[str, Any]] = field(default_factory=dict)
    _deleted: set[str] = field(default_factory=set)

    def keys(self, template: object) -> list[str]:
        """The keys that a message must have; none of a template that is not known."""
        if not isinstance(template, str) or not template or template in self._deleted:
            raise Refused(40037, "invalid template_id")
        known = self.messages.get(template) or self.picked.get(template) or {"content": ""}
        return re.findall(r"\{\{(\w+)\.DATA\}\}", known["content"])

    def titles(self, query: Mapping[str, str]) -> dict[str, Any]:
        ids = [part for part in query.get("ids", "").split(",") if part]
        start, limit = query.get("start", ""), query.get("limit", "")
        if not ids:
            raise Refused(200018, "ids missing")
        if unknown := set(ids) - {str(category["id"]) for category in CATEGORIES}:
            raise Refused(200019, f"ids invalid: {','.join(sorted(unknown))}")
        if not start.isdecimal():
            raise Refused(200016, "start invalid")
        if not limit.isdecimal() or not 1 <= int(limit) <= MOST_TITLES:
            raise Refused(200017, "limit invalid")
        found = [title for title in TITLES if str(title["categoryId"]) in ids]
        return {"count": len(found), "data": found[int(start) : int(start) + int(limit)]}

    def keywords(self, tid: object) -> dict[str, Any]:
        _title(tid)
        return {"count": len(KEYWORDS), "data": list(KEYWORDS)}

    def pick(self, asked: Mapping[str, Any]) -> str:
        """The id of the account's new template."""
        title, kids, scene = _title(asked.get("tid")), asked.get("kidList"), asked.get("sceneDesc", "")
        by_kid = {keyword["kid"]: keyword for keyword in KEYWORDS}
        if not isinstance(kids, list) or not 2 <= len(kids) <= 5 or not set(kids) <= by_kid.keys():
            raise Refused(200020, "kidList invalid")
        if not isinstance(scene, str) or len(scene) > 15:
            raise Refused(200021, "sceneDesc invalid")
        words = [by_kid[kid] for kid in kids]
        content = "".join(f"{word['name']}:{{{{{word['rule']}{word['kid']}.DATA}}}}\n" for word in words)
        if any((each["title"], each["content"]) == (title["title"], content) for each in self.picked.values()):
            raise Refused(200022, "the same template is there already")
        if len(self.picked) >= self.most:
            raise Refused(200012, "private template number over limit")
        example = "".join(f"{word['name']}:{word['example']}\n" for word in words)
        made = {"priTmplId": secrets.token_urlsafe(32), "title": title["title"], "content": content}
        self.picked[made["priTmplId"]] = {**made, "example": example, "type": title["type"]}
        return str(made["priTmplId"])

    def drop(self, template: object) -> None:
        """One of subscription messages."""
        if template not in self.picked:
            raise Refused(20002, "argument invalid")
        self._deleted.add(str(template))
        del self.picked[str(template)]

    def drop_message(self, template: object) -> None:
        if template not in self.messages:
            raise Refused(40037, "invalid template_id")
        self._deleted.add(str(template))
        del self.messages[str(template)]


def _title(tid: object) -> dict[str, Any]:
    for title in TITLES:
        if str(title["tid"]) == str(tid):
            return title
    raise Refused(200014, "tid invalid")
