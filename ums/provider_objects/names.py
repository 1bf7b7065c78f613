"""How content names what a provider keeps: by the name of a document, or by the provider's own id.

A team does not know the id of what JSMS has not made yet; so content may say `template: login-code` instead of
`temp_id: 37582`, and gets the id when a message is accepted.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ums.platforms import PLATFORMS
from ums.provider_objects.known import KeptObjects
from ums.providers import providers
from ums.schemas import did_you_mean
from ums.vocabulary import ChannelType, ObjectState

Body = Mapping[str, Any]
Bodies = Mapping[str, Mapping[str, Body]]
"""Of what is declared, by kind and identity."""


class Field(NamedTuple):
    """Where content of a type names an object of a kind."""

    type: ChannelType
    kind: str
    by_name: str
    """The property that holds the name of a document."""
    by_id: str
    """The one that the provider reads."""
    read: Callable[[str], int | str] = str


FIELDS = (
    Field(ChannelType.SMS, "ProviderTemplate", "template", "temp_id", int),
    Field(ChannelType.SMS, "Signature", "signature", "sign_id", int),
    Field(ChannelType.WECHAT_OA, "ProviderTemplate", "template", "template_id"),
    Field(ChannelType.WECHAT_MP, "ProviderTemplate", "template", "template_id"),
    Field(ChannelType.ALIPAY_LIFE, "ProviderTemplate", "template", "template_id"),
)


class Flaw(NamedTuple):
    path: str
    """In the content: `sms.template`."""
    message: str


class Names:
    """What the content of one Channel names, held against what is declared and what providers keep."""

    def __init__(self, bodies: Bodies, kept: KeptObjects, channel: str) -> None:
        self._bodies, self._kept, self._channel = bodies, kept, channel

    def resolved(self, content: Mapping[str, Body]) -> dict[str, Any]:
        """`{channel type: content}` with the provider's id for each name; a name without one is left out."""
        result = {kind: dict(body) for kind, body in content.items()}
        for field in _fields(content):
            body = result[field.type.value]
            if field.by_name in body:
                identity, declared = self._declared(field, str(body.pop(field.by_name)))
                if declared and (given := self._kept.provider_id(field.kind, identity, declared)):
                    body[field.by_id] = field.read(given)
        return result

    def flaws(self, content: Mapping[str, Body], codes: Mapping[str, Sequence[str]]) -> Iterator[Flaw]:
        """Why a message cannot be sent so now. `codes`: the DeliveryChannels for content of each type."""
        for field in _fields(content):
            body, reach = content[field.type.value], codes.get(field.type.value, ())
            if field.by_name in body and field.by_id in body:
                yield Flaw(f"{field.type.value}.{field.by_id}", f"{field.by_name} stands there too; give one of them")
            for name, judge in ((field.by_name, self._by_name), (field.by_id, self._by_id)):
                if name in body and (wrong := judge(field, str(body[name]), reach)):
                    yield Flaw(f"{field.type.value}.{name}", wrong)

    def gone(self, content: Mapping[str, Body], code: str) -> str:
        """Which template or signature the provider of this DeliveryChannel has not any more; empty when it has all."""
        for field in _fields(content):
            given = content[field.type.value].get(field.by_id)
            found = self._kept.objects.get((field.kind, code, str(given)))
            if found and found.state is ObjectState.INVALID:
                return found.unusable
        return ""

    def _declared(self, field: Field, name: str) -> tuple[str, Body | None]:
        identity = f"{self._channel}/{name}"
        return identity, self._bodies.get(field.kind, {}).get(identity)

    def _by_name(self, field: Field, name: str, reach: Sequence[str]) -> str:
        identity, declared = self._declared(field, name)
        if declared is None:
            own = [b["name"] for b in self._bodies.get(field.kind, {}).values() if b["channel"] == self._channel]
            return f"Channel {self._channel} has no {field.kind} {name!r}{did_you_mean(name, own)}"
        code = declared["deliveryChannel"]
        if code not in reach:
            others = ", ".join(reach) or "none"
            return f"{field.kind} {name} is kept on {code}, and this goes through {others}; only {code} knows it"
        return self._kept.unusable(field.kind, identity, declared)

    def _by_id(self, field: Field, given: str, reach: Sequence[str]) -> str:
        # Accounts number their own: what one of them has is good enough, as nobody else is known to have it not.
        found = [self._kept.objects.get((field.kind, code, given)) for code in reach]
        wrong = [one.unusable for one in found if one]
        return wrong[0] if wrong and all(wrong) else ""


def channel_type(delivery_channel: Body) -> ChannelType:
    """What kind of address a DeliveryChannel reaches."""
    name = delivery_channel["platform"]
    return PLATFORMS[name].type if name in PLATFORMS else providers()[name].type


def by_type(declared: Mapping[str, Body], codes: Iterable[str]) -> dict[str, list[str]]:
    """These DeliveryChannels by the type of content that they take; what is not declared is left out."""
    found: dict[str, list[str]] = {}
    for code in dict.fromkeys(codes):
        if code in declared:
            found.setdefault(channel_type(declared[code]).value, []).append(code)
    return found


def _fields(content: Mapping[str, Body]) -> Iterator[Field]:
    """Those of the types that the content has."""
    return (field for field in FIELDS if isinstance(content.get(field.type.value), Mapping))
