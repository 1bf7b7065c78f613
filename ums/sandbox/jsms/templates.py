"""JSMS's templates and signatures, and the reviewer who looks at them.

https://docs.jiguang.cn/jsms/server/rest_api_jsms_templates
https://docs.jiguang.cn/jsms/server/rest_api_jsms_sign

A review takes a second. It rejects what `refuse` of the script matches, and approves the rest.
"""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from ums.sandbox.jsms.refusals import Refused
from ums.sandbox.stage import Stage

REVIEW_SECONDS = 1.0
PENDING, APPROVED, REJECTED = 0, 1, 2
LONGEST_TEXT, LONGEST_REMARK = 500, 100
IMAGE_BYTES = 2 * 2**20
IMAGES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
"""How a PNG and a JPEG begin."""
VARIABLE = re.compile(r"\{\{(.*?)\}\}")
SIGN = re.compile(r"[A-Za-z0-9\u4e00-\u9fff]{2,8}")


@dataclass
class Kept:
    """One template or signature, as it was sent."""

    account: str
    text: str
    said: Mapping[str, Any]
    since: float = field(default_factory=time.monotonic)


class Reviewer:
    """All applications' templates and signatures."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._templates: dict[int, Kept] = {}
        self._signs: dict[int, Kept] = {}
        self._ids = count(int(time.time()))

    def texts(self) -> dict[int, str]:
        """The words of every template and signature that is there, by its id."""
        return {number: kept.text for every in (self._templates, self._signs) for number, kept in every.items()}

    def decision(self, number: int) -> tuple[int, str | None]:
        """What is said of this template or signature, and why; of one that is gone, that it was approved."""
        kept = self._templates.get(number) or self._signs.get(number)
        status = self._status(kept) if kept else APPROVED
        return status, "refused by the script" if status == REJECTED else None

    def _status(self, kept: Kept) -> int:
        if time.monotonic() - kept.since < REVIEW_SECONDS:
            return PENDING
        return REJECTED if self._stage.script.refuses(kept.text) else APPROVED

    def admit(self, template_id: object) -> None:
        """Raises Refused when a message cannot be sent with it; a template that was not made here always can."""
        kept = self._templates.get(template_id) if isinstance(template_id, int) else None
        status = APPROVED if kept is None else self._status(kept)
        if status == PENDING:
            raise Refused(403, 50020, "template auditing")
        if status == REJECTED:
            raise Refused(403, 50021, "template not pass")

    def create_template(self, account: str, said: Mapping[str, Any]) -> dict[str, Any]:
        _check_template(said)
        temp_id = next(self._ids)
        self._templates[temp_id] = Kept(account, said["template"], said)
        return {"temp_id": temp_id}

    def template(self, account: str, temp_id: int) -> dict[str, Any]:
        kept = _owned(self._templates, account, temp_id, Refused(403, 50013, "invalid temp_id"))
        said = {name: kept.said.get(name) for name in ("template", "type", "ttl", "remark")}
        return {"temp_id": temp_id, **said, "status": self._status(kept)}

    def edit_template(self, account: str, temp_id: int, said: Mapping[str, Any]) -> dict[str, Any]:
        kept = _owned(self._templates, account, temp_id, Refused(403, 50013, "invalid temp_id"))
        if said.get("temp_id") != temp_id:
            raise Refused(403, 50013, "invalid temp_id")
        if self._status(kept) != REJECTED:
            raise Refused(403, 50047, "template can not be modified")
        _check_template(said)
        self._templates[temp_id] = Kept(account, said["template"], said)
        return {"temp_id": temp_id}

    def delete_template(self, account: str, temp_id: int) -> None:
        _owned(self._templates, account, temp_id, Refused(403, 50013, "invalid temp_id"))
        del self._templates[temp_id]

    def create_sign(self, account: str, said: Mapping[str, Any]) -> dict[str, Any]:
        self._check_sign(account, said)
        sign_id = next(self._ids)
        self._signs[sign_id] = Kept(account, said["sign"], said)
        return {"sign_id": sign_id}

    def sign(self, account: str, sign_id: int) -> dict[str, Any]:
        kept = _owned(self._signs, account, sign_id, Refused(403, 50102, "invalid sign_id"))
        is_default = int(self._default(account) == sign_id)
        status = self._status(kept)
        used = int(status == APPROVED)
        return {"sign_id": sign_id, "sign": kept.text, "status": status, "is_default": is_default, "use_status": used}

    def edit_sign(self, account: str, sign_id: int, said: Mapping[str, Any]) -> dict[str, Any]:
        kept = _owned(self._signs, account, sign_id, Refused(403, 50102, "invalid sign_id"))
        if self._status(kept) == APPROVED:
            raise Refused(403, 50104, "sign can not be modified")
        self._check_sign(account, said)
        self._signs[sign_id] = Kept(account, said["sign"], said)
        return {"sign_id": sign_id}

    def delete_sign(self, account: str, sign_id: int) -> None:
        _owned(self._signs, account, sign_id, Refused(403, 50102, "invalid sign_id"))
        if self._default(account) == sign_id:
            raise Refused(403, 50105, "default sign can not be deleted")
        del self._signs[sign_id]

    def _default(self, account: str) -> int | None:
        """The oldest one that is approved."""
        own = (sign_id for sign_id, kept in self._signs.items() if kept.account == account)
        return next((sign_id for sign_id in own if self._status(self._signs[sign_id]) == APPROVED), None)

    def _check_sign(self, account: str, said: Mapping[str, Any]) -> None:
        own = [kept for kept in self._signs.values() if kept.account == account]
        if not SIGN.fullmatch(str(said.get("sign", ""))) or str(said.get("type", "1")) not in "1234567":
            raise Refused(403, 50104, "invalid sign")
        if len(str(said.get("remark", ""))) > LONGEST_REMARK:
            raise Refused(403, 50045, "remark too long")
        images = [value for name, value in said.items() if name.startswith("image")]
        if not all(isinstance(image, bytes) and _is_image(image) for image in images):
            raise Refused(403, 50101, "invalid image")
        if any(self._status(kept) == PENDING for kept in own):
            raise Refused(403, 50103, "another sign is auditing")


def _owned(all_kept: Mapping[int, Kept], account: str, number: int, refused: Refused) -> Kept:
    kept = all_kept.get(number)
    if kept is None or kept.account != account:
        raise refused
    return kept


def _is_image(image: bytes) -> bool:
    return image.startswith(IMAGES) and len(image) <= IMAGE_BYTES


def _check_template(said: Mapping[str, Any]) -> None:
    text, kind, remark = said.get("template"), said.get("type"), str(said.get("remark") or "")
    if not isinstance(text, str) or not text:
        raise Refused(403, 50042, "template is empty")
    variables = VARIABLE.findall(text)
    flaws = {
        (50043, "template too long"): len(text) > LONGEST_TEXT,
        (50052, "template has special symbols"): any(bracket in text for bracket in "【】"),
        (50044, "template parameter invalid"): kind not in (1, 2, 3)
        or not all(re.fullmatch(r"[A-Za-z0-9]+", name) for name in variables)
        or (kind == 1 and (variables != ["code"] or not _is_ttl(said.get("ttl")))),
        (50045, "remark too long"): len(remark) > LONGEST_REMARK,
        (50053, "remark has no link"): "url" in variables and "http" not in remark,
    }
    for (code, words), found in flaws.items():
        if found:
            raise Refused(403, code, words)


def _is_ttl(ttl: object) -> bool:
    return isinstance(ttl, int) and 1 <= ttl <= 86_400
