"""The kinds of `ums/v1`: one row each, and all rows take the same way from file to database.

A kind may refer only to kinds above it: creates run down this list, deletes run up.
If a new kind needs an `if` about kinds anywhere, its row lacks a column.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ums.documents import Path
from ums.provider_objects.names import FIELDS
from ums.reconcile import canonical, rules, rules_channel, rules_lists, rules_policy, rules_template, rules_words
from ums.reconcile.lists import MEMBERS, WORDS, Columns
from ums.reconcile.rules import Bodies, Rule, Together

Body = Mapping[str, Any]
Key = tuple[str, str]
"""Kind and identity."""

ANY = "*"
"""In a path: every item, or every property."""


@dataclass(frozen=True)
class Reference:
    """Where bodies of a kind name an object of another."""

    kind: str
    path: Path
    own: bool = False
    """Of the Channel that the body is, or that owns it: it names its own things briefly, and a Channel even those that
    stand further down the list."""

    def names(self, body: Body) -> Iterator[tuple[Path, str]]:
        """Each identity that is named there, and where."""
        found = _select(body, self.path)
        owner = body.get("channel", body.get("name"))
        return ((path, f"{owner}/{name}") for path, name in found) if self.own else found


@dataclass(frozen=True)
class Part:
    """A property that a further schema describes, which is named by the value of another property."""

    property: str
    folder: str
    by: str


@dataclass(frozen=True)
class Listed:
    """A list whose entries may also stand in a file beside the document."""

    property: str
    file: str
    """The property that names the file."""
    columns: Columns


@dataclass(frozen=True)
class Kind:
    name: str
    schema: str
    owned: bool = False
    """By a Channel: its identity is `channel/name`, and names need to differ in that Channel alone."""
    unique: tuple[str, ...] = ()
    """Properties that no two objects of the kind share."""
    fallbacks: tuple[tuple[str, str], ...] = (("title", "name"),)
    """A property, and the one that speaks for it when it is not given."""
    canonical: Callable[[Body], Body] = dict
    """What its author may write in several ways, written in one; defaults are there already."""
    spelled: Callable[[Body], Body] = dict
    """The way back from `canonical`, as an author would write it."""
    parts: tuple[Part, ...] = ()
    lists: tuple[Listed, ...] = ()
    references: tuple[Reference, ...] = ()
    rules: tuple[Rule, ...] = ()
    """What a schema cannot say."""
    warnings: tuple[Rule, ...] = ()
    """What works, and is hardly what its author wants."""
    together: tuple[Together, ...] = ()
    """What no two, or no more than so many, may do."""
    immovable: str = ""
    """Why its name is the same for ever; empty when `moved` may rename it."""
    generated: tuple[str, ...] = ()
    """Properties that may hold `{generate: true}`: apply makes the secret."""
    audited: Callable[[Body, Bodies], str] | None = None
    """Which of an AuditRule's `templates` an object is; empty: none of them. None: nobody reviews this kind."""
    decides: tuple[Path, ...] = ()
    """What a decision may point at: the line of each is kept, beside that of the document."""

    def identity(self, body: Body) -> str:
        name = str(body.get("name", ""))
        return f"{body.get('channel', '')}/{name}" if self.owned else name

    def placed(self, body: Body) -> Iterator[Path]:
        """Of what the lines are kept."""
        yield ()
        for path in self.decides:
            yield from (found for found, _ in _select(body, path))


_MEMBERS = (Listed("members", file="membersFile", columns=MEMBERS),)
_OWNER = Reference("Channel", ("channel",))
_KEPT_ON = Reference("DeliveryChannel", ("deliveryChannel",))

KINDS = (
    Kind(
        "DeliveryChannel",
        schema="delivery-channel",
        unique=("title",),
        parts=(Part("credentials", folder="providers", by="platform"),),
        rules=(rules.dot_in_email,),
        together=(rules.one_third_party,),
        immovable="people's addresses are bound to the code, so it is the same for ever; declare another beside it",
    ),
    Kind(
        "Channel",
        schema="channel",
        unique=("title", "key"),
        fallbacks=(("title", "name"), ("key", "name")),
        canonical=canonical.channel,
        spelled=canonical.spelled_channel,
        references=(
            Reference("DeliveryChannel", ("deliveryChannels", ANY, "name")),
            Reference("SendPolicy", ("defaults", "policy"), own=True),
        ),
        rules=(
            rules_channel.granted_once,
            rules_channel.time_zone_known,
            rules_channel.periods_last,
            rules_channel.one_default_address,
            rules_channel.caps_remembered,
        ),
        immovable="its messages and numbers are kept under the name, so it is the same for ever; change the title",
        decides=(("frequencyCaps",),),
        generated=("masterSecret",),
    ),
    Kind(
        "Member",
        schema="member",
        unique=("email",),
        references=(Reference("Channel", ("roles", ANY, "channels", ANY)),),
        rules=(rules.admin_everywhere,),
        immovable="what somebody did is kept under the login, so it is the same for ever; change the title",
    ),
    Kind(
        "Signature",
        schema="signature",
        owned=True,
        references=(_OWNER, _KEPT_ON),
        rules=(rules.granted, rules.signature_at_jsms),
    ),
    Kind(
        "ProviderTemplate",
        schema="provider-template",
        owned=True,
        references=(_OWNER, _KEPT_ON),
        rules=(rules.granted, rules.template_of_platform, rules.template_text),
        together=(rules.templates_fit, rules_words.texts_clean),
        audited=rules.provider_template,
    ),
    Kind(
        "Template",
        schema="template",
        owned=True,
        references=(
            _OWNER,
            *(Reference(field.kind, ("content", field.type.value, field.by_name), own=True) for field in FIELDS),
        ),
        rules=(
            rules_template.variables_declared,
            rules_template.variables_used,
            rules_template.values_fit,
            rules_template.named_of_type,
        ),
        warnings=(rules_template.content_reaches,),
        together=(rules_words.templates_clean,),
        audited=rules.general_template,
    ),
    Kind(
        "SensitiveWords",
        schema="sensitive-words",
        owned=True,
        canonical=canonical.words,
        lists=(Listed("words", file="wordsFile", columns=WORDS),),
        references=(_OWNER,),
        rules=(rules_lists.words_clear,),
    ),
    Kind(
        "Blacklist",
        schema="blacklist",
        owned=True,
        canonical=canonical.people,
        lists=_MEMBERS,
        references=(_OWNER,),
        rules=(rules_lists.membership_clear, rules_lists.unsubscribed_kept),
    ),
    Kind(
        "Whitelist",
        schema="whitelist",
        owned=True,
        canonical=canonical.people,
        lists=_MEMBERS,
        references=(_OWNER,),
        rules=(rules_lists.membership_clear,),
    ),
    Kind(
        "Segment",
        schema="segment",
        owned=True,
        canonical=canonical.people,
        lists=_MEMBERS,
        references=(_OWNER,),
        rules=(rules_lists.membership_clear, rules_lists.tags_possible),
    ),
    Kind(
        "SendPolicy",
        schema="send-policy",
        owned=True,
        canonical=canonical.policy,
        spelled=canonical.spelled_policy,
        references=(
            _OWNER,
            Reference("DeliveryChannel", ("steps", ANY, "send", ANY)),
            Reference("DeliveryChannel", ("steps", ANY, "when", ANY, ANY, "notDelivered")),
            Reference("DeliveryChannel", ("steps", ANY, "when", ANY, ANY, "notClicked")),
        ),
        rules=(
            rules_policy.all_granted,
            rules_policy.sent_once,
            rules_policy.conditions_placed,
            rules_policy.conditions_earlier,
            rules_policy.detectable,
            rules_policy.can_stop,
            rules_policy.chooses_clearly,
            rules_policy.steps_enough,
        ),
        warnings=(
            rules_policy.choice_awaited,
            rules_policy.windows_sensible,
            rules_policy.clicks_seen,
            rules_policy.switched_on,
        ),
        decides=(("stopOn",), ("deadline",), ("steps", ANY), ("steps", ANY, "when", ANY, ANY)),
    ),
    Kind(
        "AuditRule",
        schema="audit-rule",
        owned=True,
        canonical=canonical.audit,
        references=(_OWNER, Reference("Member", ("levels", ANY, ANY))),
        rules=(rules.audit_scope,),
        warnings=(rules.reviewers_may,),
    ),
)

BY_NAME: Mapping[str, Kind] = {kind.name: kind for kind in KINDS}
ORDER: Mapping[str, int] = {kind.name: number for number, kind in enumerate(KINDS)}


def _select(value: Any, path: Path, at: Path = ()) -> Iterator[tuple[Path, str]]:
    if not path:
        yield at, value
        return
    step, *rest = path
    children = enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else ()
    for key, child in children:
        if step in (ANY, key):
            yield from _select(child, tuple(rest), (*at, key))
