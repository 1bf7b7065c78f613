"""What a schema cannot say about a document: what a rule is, and the rules of people, provider objects and reviews.

A rule gives each breach as where it stands and what is wrong.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ums.documents import Path
from ums.platforms import PLATFORMS, Platform
from ums.reconcile.canonical import AUDITED
from ums.vocabulary import PLACEHOLDER, ChannelType

Body = Mapping[str, Any]
Bodies = Mapping[tuple[str, str], Body]
"""Everything declared that its schema accepts, by kind and identity."""
Breach = tuple[Path, str]
Rule = Callable[[Body, Bodies], Iterator[Breach]]
Together = Callable[[Sequence[Body], Bodies], Iterator[tuple[int, Path, str]]]
"""A rule about all objects of a kind; each breach begins with the number of the object."""


def platform(bodies: Bodies, code: str) -> Platform | None:
    """Of a DeliveryChannel, when it is declared."""
    found = bodies.get(("DeliveryChannel", code))
    return PLATFORMS.get(found["platform"]) if found else None


def not_granted(owned: Body, code: str, bodies: Bodies) -> str:
    """What is wrong when what a Channel owns uses this DeliveryChannel; empty when it may."""
    channel = bodies.get(("Channel", owned["channel"]))
    if channel is None or ("DeliveryChannel", code) not in bodies:
        return ""
    if any(grant["name"] == code for grant in channel["deliveryChannels"]):
        return ""
    name = owned["channel"]
    return f"{code} is not granted to Channel {name}; add it to that Channel's deliveryChannels, or choose another"


def granted(owned: Body, bodies: Bodies) -> Iterator[Breach]:
    """What is kept at a provider is kept on a DeliveryChannel of its Channel."""
    if wrong := not_granted(owned, owned["deliveryChannel"], bodies):
        yield ("deliveryChannel",), wrong


def dot_in_email(channel: Body, _: Bodies) -> Iterator[Breach]:
    known = PLATFORMS.get(channel["platform"])
    if channel.get("openDot") and known and known.type is not ChannelType.EMAIL:
        yield ("openDot",), f"only e-mails have a dot, this is on {channel['platform']}; remove it"


def admin_everywhere(member: Body, _: Bodies) -> Iterator[Breach]:
    seen = Counter[str]()
    for number, role in enumerate(member["roles"]):
        if role["role"] == "admin" and role["channels"] != "all":
            yield ("roles", number, "channels"), "an admin is one for the whole installation; remove channels"
        if seen[role["role"]]:
            yield ("roles", number, "role"), f"{role['role']} stands here already; write its channels in one place"
        seen[role["role"]] += 1


_TEMPLATE_PROPERTIES: Mapping[str, tuple[type, set[str]]] = {
    "jsms": (int, {"id", "text", "type", "ttl", "remark"}),
    "wechatoa": (str, {"id", "keywords"}),
    "wechatmp": (str, {"id", "keywords"}),
    "alipaylife": (str, {"id", "keywords"}),
}
"""By platform: what its ids are, and what a template there has."""


def signature_at_jsms(signature: Body, bodies: Bodies) -> Iterator[Breach]:
    found = bodies.get(("DeliveryChannel", signature["deliveryChannel"]))
    if found and found["platform"] != "jsms":
        yield ("deliveryChannel",), f"{found['name']} is on {found['platform']}; only jsms keeps signatures"


def template_of_platform(template: Body, bodies: Bodies) -> Iterator[Breach]:
    found = bodies.get(("DeliveryChannel", template["deliveryChannel"]))
    if found is None:
        return
    if found["platform"] not in _TEMPLATE_PROPERTIES:
        known = ", ".join(_TEMPLATE_PROPERTIES)
        yield ("deliveryChannel",), f"{found['name']} is on {found['platform']}, which has no templates; {known} have"
        return
    id_type, properties = _TEMPLATE_PROPERTIES[found["platform"]]
    for name in sorted(("id", "text", "type", "ttl", "remark", "keywords")):
        if name in template and name not in properties:
            yield (name,), f"a template on {found['platform']} has no {name}; remove it"
    if "id" in template and not isinstance(template["id"], id_type):
        expected = "a number" if id_type is int else "text; put it in quotes"
        yield ("id",), f"found {template['id']!r}, expected {expected}: ids on {found['platform']} are"


def template_text(template: Body, _: Bodies) -> Iterator[Breach]:
    """What JSMS demands of the words."""
    if "text" not in template or "type" not in template:
        return
    verification = template["type"] == "verification"
    variables = [inside.strip() for inside in PLACEHOLDER.findall(template["text"])]
    if wrong := [name for name in variables if not (name.isascii() and name.isalnum())]:
        yield ("text",), f"found '{{{{{wrong[0]}}}}}', expected letters and digits in the braces"
    if verification and variables != ["code"]:
        yield ("text",), "the text of a verification has exactly one variable, {{code}}"
    if verification and "ttl" not in template:
        yield ("type",), "'ttl' is missing; say for how many seconds the code is good, such as ttl: 300"
    if not verification and "ttl" in template:
        yield ("ttl",), f"only a verification has a ttl, this is of type {template['type']}; remove it"


_MOST_TEMPLATES = {"wechatoa": 25, "wechatmp": 50}


def templates_fit(templates: Sequence[Body], bodies: Bodies) -> Iterator[tuple[int, Path, str]]:
    """No account has more templates than its platform keeps, nor the same one twice."""
    counts = Counter[str]()
    first: defaultdict[str, dict[Any, str]] = defaultdict(dict)
    for number, template in enumerate(templates):
        code = template["deliveryChannel"]
        counts[code] += 1
        found = bodies.get(("DeliveryChannel", code), {})
        most = _MOST_TEMPLATES.get(found.get("platform", ""), 0)
        if most and counts[code] == most + 1:
            yield number, ("deliveryChannel",), f"{code} has more than {most} templates, and WeChat keeps {most}"
        name = f"{template['channel']}/{template['name']}"
        before = first[code].setdefault(template.get("id", name), name)
        if before != name and before.partition("/")[0] == template["channel"]:
            yield number, ("id",), f"the template {template['id']!r} of {code} is {before} already; remove one"


_OF_A_PLATFORM = ("componentAppSecret", "token", "encodingAesKey")


def one_third_party(channels: Sequence[Body], _: Bodies) -> Iterator[tuple[int, Path, str]]:
    """All accounts that authorized the same third-party platform at WeChat say the same of it."""
    first: dict[str, Body] = {}
    for number, channel in enumerate(channels):
        credentials = channel.get("credentials", {})
        if credentials.get("authorization") != "qr":
            continue
        before = first.setdefault(str(credentials.get("componentAppId")), channel)
        for name in _OF_A_PLATFORM:
            if credentials.get(name) != before["credentials"].get(name):
                other = f"that of {before['name']}, which is on the same third-party platform"
                yield number, ("credentials", name), f"found another {name} than {other}; they are the same"


def general_template(_: Body, __: Bodies) -> str:
    """What a Template is to an AuditRule."""
    return "general"


def provider_template(template: Body, bodies: Bodies) -> str:
    """What a ProviderTemplate is to an AuditRule; empty: it was not made here, so nobody here reviews it."""
    found = bodies.get(("DeliveryChannel", template["deliveryChannel"]), {}).get("platform")
    if found == "jsms" and "text" in template:
        return "sms"
    return "wechatOa" if found == "wechatoa" and "keywords" in template else ""


def audit_scope(rule: Body, _: Bodies) -> Iterator[Breach]:
    """A rule narrows only what it is on."""
    others = {name for on, scope in AUDITED.items() if on != rule["on"] for name in scope}
    for name in sorted(others & rule.keys()):
        yield (name,), f"a rule on {rule['on']}s has no {name}; remove it"


_REVIEWS = {"admin", "auditor"}


def reviewers_may(rule: Body, bodies: Bodies) -> Iterator[Breach]:
    """Whoever is named in a level has a role that reviews there; the others would be asked in vain."""
    for number, level in enumerate(rule["levels"]):
        for place, login in enumerate(level):
            roles = bodies.get(("Member", login), {}).get("roles", ())
            where = [role["channels"] for role in roles if role["role"] in _REVIEWS]
            if roles and not any(channels == "all" or rule["channel"] in channels for channels in where):
                message = f"{login} is no auditor of Channel {rule['channel']}, and may not review there"
                yield ("levels", number, place), message
