"""What an application keeps at JSMS, in the words of our documents, and what JSMS tells of its reviews."""

from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
import orjson

from ums.errors import CallerRefused, Problem
from ums.providers.contract import Account
from ums.providers.jsms.templates import JsmsSignatures, JsmsTemplates, SmsSignature, SmsTemplate
from ums.providers.jsms.templates import Review as Verdict
from ums.providers.keeper import Kept, ObjectId, Reviewed
from ums.vocabulary import Review

TEMPLATE, SIGNATURE = "ProviderTemplate", "Signature"
REVIEWS = {Verdict.PENDING: Review.IN_REVIEW, Verdict.APPROVED: Review.APPROVED, Verdict.REJECTED: Review.REJECTED}


class Keeping:
    """Templates and signatures of one application; its calls raise as those of JsmsTemplates do."""

    def __init__(self, account: Account, session: aiohttp.ClientSession) -> None:
        self._templates = JsmsTemplates(account, session)
        self._signatures = JsmsSignatures(account, session)

    async def kept(self, known: Sequence[ObjectId]) -> list[Kept]:
        """JSMS gives no list: those of the known that are there, asked for one after the other."""
        found = [await self._read(one) for one in known if one.id.isdecimal()]
        return [one for one in found if one]

    async def make(self, kind: str, declared: Mapping[str, Any]) -> str:
        if kind == TEMPLATE:
            return str(await self._templates.create(_template(declared)))
        return str(await self._signatures.create(_signature(declared)))

    async def edit(self, made: ObjectId, declared: Mapping[str, Any]) -> None:
        if made.kind == TEMPLATE:
            await self._templates.edit(int(made.id), _template(declared))
        else:
            await self._signatures.edit(int(made.id), _signature(declared))

    async def discard(self, made: ObjectId) -> None:
        kept = self._templates if made.kind == TEMPLATE else self._signatures
        await kept.delete(int(made.id))

    async def _read(self, one: ObjectId) -> Kept | None:
        return await (self._read_template(one) if one.kind == TEMPLATE else self._read_signature(one))

    async def _read_template(self, one: ObjectId) -> Kept | None:
        found = await self._templates.read(int(one.id))
        if found is None or found.review is Verdict.DELETED:
            return None
        template = found.template
        said = {"text": template.text, "type": template.type, "ttl": template.ttl, "remark": template.remark}
        given = {name: value for name, value in said.items() if value}
        return Kept(one, given, text=template.text, review=REVIEWS.get(found.review))

    async def _read_signature(self, one: ObjectId) -> Kept | None:
        found = await self._signatures.read(int(one.id))
        if found is None or found.review is Verdict.DELETED:
            return None
        return Kept(one, {"text": found.text}, text=found.text, review=REVIEWS.get(found.review))


def reviewed(kind: str, data: str) -> list[Reviewed]:
    """Of a callback of this type: SMS_TEMPLATE and SMS_SIGN tell of reviews; raises CallerRefused.

    https://docs.jiguang.cn/jsms/server/callback
    """
    if kind not in _CALLBACKS:
        return []
    of, id_name = _CALLBACKS[kind]
    try:
        said = orjson.loads(data)
        review = _DECIDED[int(said["status"])]
        return [Reviewed(ObjectId(of, str(int(said[id_name]))), review, str(said.get("refuseReason") or ""))]
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        problem = Problem(code="receipt_unreadable", message=f"JSMS review {data[:200]!r}: {error!r}")
        raise CallerRefused([problem]) from error


_DECIDED = {0: Review.IN_REVIEW, 1: Review.APPROVED, 2: Review.REJECTED}
_CALLBACKS = {"SMS_TEMPLATE": (TEMPLATE, "tempId"), "SMS_SIGN": (SIGNATURE, "signId")}


def _template(declared: Mapping[str, Any]) -> SmsTemplate:
    return SmsTemplate(declared["text"], declared["type"], declared.get("ttl"), declared.get("remark", ""))


def _signature(declared: Mapping[str, Any]) -> SmsSignature:
    return SmsSignature(declared["text"], declared["type"], declared.get("remark", ""))
