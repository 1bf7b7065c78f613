"""The templates and signatures that an application keeps at JSMS, and what JSMS's reviewers say of them.

https://docs.jiguang.cn/jsms/server/rest_api_jsms_templates
https://docs.jiguang.cn/jsms/server/rest_api_jsms_sign
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import aiohttp

from ums.errors import OutcomeUnknown, UmsError
from ums.providers.contract import Account
from ums.providers.exchange import Reply
from ums.providers.jsms.api import JsmsApi, error, refusal

TEMPLATE_TYPES = {"verification": 1, "notice": 2, "marketing": 3}
SIGNATURE_TYPES = {"company": 1, "website": 2, "app": 3, "account": 4, "shop": 5, "trademark": 6, "other": 7}
NO_TEMPLATE, NO_SIGNATURE = "50013", "50102"
"""JSMS knows none of that id."""
PNG = b"\x89PNG\r\n\x1a\n"


class Review(Enum):
    """What the reviewers say; only what they rejected can be edited."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    DELETED = "deleted"
    UNKNOWN = "unknown"


REVIEWS = {0: Review.PENDING, 1: Review.APPROVED, 2: Review.REJECTED, 3: Review.DELETED}


@dataclass(frozen=True)
class SmsTemplate:
    """The words of a message, with `{{name}}` for each variable."""

    text: str
    type: str
    """A key of TEMPLATE_TYPES."""
    ttl: int | None = None
    """Seconds for which the code of a verification is good; it must have one."""
    remark: str = ""
    """To the reviewer."""


@dataclass(frozen=True)
class KeptTemplate:
    id: int
    template: SmsTemplate
    review: Review


@dataclass(frozen=True)
class SmsSignature:
    """What stands before a message, without its brackets."""

    text: str
    type: str
    """A key of SIGNATURE_TYPES."""
    remark: str = ""
    """To the reviewer."""
    images: Sequence[bytes] = field(default=(), repr=False)
    """What proves the right to the name: PNG or JPEG, each at most 2 MB."""


@dataclass(frozen=True)
class KeptSignature:
    id: int
    text: str
    review: Review
    is_default: bool
    """It stands before whatever names no other."""
    is_used: bool


class JsmsTemplates:
    """Those of one application.

    Every call raises ProviderRefused, with JSMS's code, when JSMS wants it otherwise; ProviderBusy; or OutcomeUnknown
    when it may or may not have happened.
    """

    def __init__(self, account: Account, session: aiohttp.ClientSession) -> None:
        self._api = JsmsApi(account, session)

    async def create(self, template: SmsTemplate) -> int:
        """The id that JSMS gives it; its review begins."""
        return _id(await self._api.post("/v1/templates", _template(template)), "temp_id")

    async def read(self, template_id: int) -> KeptTemplate | None:
        """None when JSMS knows none of that id: it was deleted."""
        reply = await self._api.get(f"/v1/templates/{template_id}")
        return None if _is_none(reply, NO_TEMPLATE) else _kept_template(_read(reply))

    async def edit(self, template_id: int, template: SmsTemplate) -> None:
        """Change one that was rejected, whole; its review begins again."""
        body = {"temp_id": template_id, **_template(template)}
        _done(await self._api.put(f"/v1/templates/{template_id}", body))

    async def delete(self, template_id: int) -> None:
        """Quietly when JSMS knows none of that id."""
        reply = await self._api.delete(f"/v1/templates/{template_id}")
        if not _is_none(reply, NO_TEMPLATE):
            _done(reply)


class JsmsSignatures:
    """Those of one application; its calls raise as those of JsmsTemplates do. One at a time is reviewed."""

    def __init__(self, account: Account, session: aiohttp.ClientSession) -> None:
        self._api = JsmsApi(account, session)

    async def create(self, signature: SmsSignature) -> int:
        """The id that JSMS gives it; its review begins."""
        return _id(await self._api.post_parts("/v1/sign", _signature(signature)), "sign_id")

    async def read(self, signature_id: int) -> KeptSignature | None:
        """None when JSMS knows none of that id."""
        reply = await self._api.get(f"/v1/sign/{signature_id}")
        return None if _is_none(reply, NO_SIGNATURE) else _kept_signature(_read(reply))

    async def edit(self, signature_id: int, signature: SmsSignature) -> None:
        """Change one that was rejected, whole; its review begins again."""
        _done(await self._api.post_parts(f"/v1/sign/{signature_id}", _signature(signature)))

    async def delete(self, signature_id: int) -> None:
        """Quietly when JSMS knows none of that id; refused for the default one."""
        reply = await self._api.delete(f"/v1/sign/{signature_id}")
        if not _is_none(reply, NO_SIGNATURE):
            _done(reply)


def _template(template: SmsTemplate) -> dict[str, Any]:
    said = {"ttl": template.ttl, "remark": template.remark}
    given = {name: value for name, value in said.items() if value}
    return {"template": template.text, "type": TEMPLATE_TYPES[template.type], **given}


def _signature(signature: SmsSignature) -> aiohttp.FormData:
    form = aiohttp.FormData(default_to_multipart=True)
    form.add_field("sign", signature.text)
    form.add_field("type", str(SIGNATURE_TYPES[signature.type]))
    if signature.remark:
        form.add_field("remark", signature.remark)
    for number, image in enumerate(signature.images):
        kind = "png" if image.startswith(PNG) else "jpeg"
        form.add_field(f"image{number}", image, filename=f"image{number}.{kind}", content_type=f"image/{kind}")
    return form


def _kept_template(said: Mapping[str, Any]) -> KeptTemplate:
    types = {number: name for name, number in TEMPLATE_TYPES.items()}
    try:
        kind, ttl = types[int(said["type"])], int(said.get("ttl") or 0) or None
        template = SmsTemplate(str(said["template"]), kind, ttl, str(said.get("remark") or ""))
        return KeptTemplate(int(said["temp_id"]), template, _review(said))
    except (KeyError, TypeError, ValueError) as problem:
        raise OutcomeUnknown(f"not a template of JSMS: {problem!r}") from problem


def _kept_signature(said: Mapping[str, Any]) -> KeptSignature:
    try:
        is_default, is_used = (int(said.get(name) or 0) == 1 for name in ("is_default", "use_status"))
        return KeptSignature(int(said["sign_id"]), str(said["sign"]), _review(said), is_default, is_used)
    except (KeyError, TypeError, ValueError) as problem:
        raise OutcomeUnknown(f"not a signature of JSMS: {problem!r}") from problem


def _review(said: Mapping[str, Any]) -> Review:
    return REVIEWS.get(int(said["status"]), Review.UNKNOWN)


def _is_none(reply: Reply, code: str) -> bool:
    said = error(reply) if reply.status >= 400 else None
    return said is not None and said[0] == code


def _id(reply: Reply, name: str) -> int:
    _done(reply)
    try:
        return int(reply.answer()[name])
    except (KeyError, TypeError, ValueError) as problem:
        raise OutcomeUnknown(f"HTTP {reply.status} without a {name}: {reply.excerpt}") from problem


def _read(reply: Reply) -> dict[str, Any]:
    if reply.status >= 300:
        raise refusal(reply)
    return reply.answer()


def _done(reply: Reply) -> None:
    """Raises unless it was; the body of a success may be empty."""
    if reply.status >= 300:
        raise _lost(reply) if reply.status >= 500 else refusal(reply)


def _lost(reply: Reply) -> UmsError:
    code, words = error(reply) or (str(reply.status), reply.excerpt)
    return OutcomeUnknown(f"{code}: {words}")
