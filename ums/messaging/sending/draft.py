"""Every check that can be made before a message is stored, and the message that passes them all."""

from collections.abc import Mapping, Sequence
from typing import Any

from ums import schemas
from ums.audit.reviewers import reviewers
from ums.audit.rules import Review, Sent, impassable, levels_of, on_message
from ums.errors import CallerRefused, Problem
from ums.messaging import outbox
from ums.messaging.policy import rules
from ums.messaging.sending.content import check
from ums.messaging.sending.quiet import NEVER, disturbing, quiet_until
from ums.messaging.sending.render import render, values
from ums.messaging.sending.request import SendRequest
from ums.models import Message
from ums.provider_objects.names import by_type
from ums.snapshot import Body, Snapshot, channel_type
from ums.vocabulary import ChannelType, MessageState

MOST_IDS = 1000
MOST_TAGS = 20


class Draft:
    """A request of a Channel, held against the configuration."""

    review: Review | None = None
    """What must happen before the message goes out; known when it was made."""

    def __init__(self, snapshot: Snapshot, channel: Body, request: SendRequest, by: str = "") -> None:
        """`by` is the Member who sends it; empty: the Channel's own system."""
        self._snapshot = snapshot
        self._channel = channel
        self._request = request
        self._policy, self._priority = request.policy_of(channel), request.priority_of(channel)
        self._by = by
        self._problems: list[Problem] = []

    def message(self, now: int) -> Message:
        """The message, not stored yet; raises CallerRefused with every problem that was found."""
        request = self._request
        content = self._content()
        steps = self._steps(content)
        content = self._resolved(content, steps)
        audience = {**self._audience(content), **self._filter()}
        self.review = self._reviewed(audience)
        asked = max(request.send_at or now, now)
        # What is to go out at once goes out when it is approved: no time is known yet, nor whom it disturbs then.
        open_ended = self.review is not None and asked == now
        send_at = asked if open_ended else self._undisturbing(asked)
        callback = self._callback()
        if self._problems:
            raise CallerRefused(self._problems)
        state = MessageState.AUDITING if self.review else MessageState.WAITING
        return Message(
            channel=self._channel["name"], revision=self._snapshot.revision, created_at=now,
            priority=int(self._priority), state=state.value, audience=audience, content=content,
            template=request.template or request.made_from, policy=self._policy, steps=steps, send_no=request.send_no,
            owner=request.owner or (self._by if self.review else ""), idempotency_key=request.idempotency_key,
            send_at=send_at, due_at=None if open_ended else send_at, deferred_from=asked if send_at > asked else None,
            **callback,
        )  # fmt: skip

    def _reviewed(self, audience: Mapping[str, Any]) -> Review | None:
        """What the Channel's AuditRules demand of it; None when none catches it."""
        request, name = self._request, self._channel["name"]
        declared = [rule for rule in self._snapshot.all("AuditRule").values() if rule["channel"] == name]
        sent = Sent(audience, bool(request.template or request.made_from), bool(self._by))
        if not (rules := on_message(declared, sent)):
            return None
        names = sorted(str(rule["name"]) for rule in rules)
        review = Review(name, names, levels_of(rules), self._by, request.owner or self._by)
        if self._has_owner(review):
            for reason in impassable(review, reviewers(self._snapshot, name)):
                message = f"AuditRule {', '.join(names)} wants a review that could not happen: {reason}"
                self._refuse("input.owner", "nobody_reviews", message)
        return review

    def _has_owner(self, review: Review) -> bool:
        """Whether a Member answers for an audited send."""
        declared = self._snapshot.all("Member")
        if review.owner in declared:
            return True
        rules = f"AuditRule {', '.join(review.rules)} of Channel {review.channel}"
        if not review.owner:
            message = f"{rules} has this send reviewed, so it must name its owner: the login of a Member"
            self._refuse("input.owner", "owner_required", message)
        else:
            wrong = f"there is no Member {review.owner!r}{schemas.did_you_mean(review.owner, list(declared))}"
            self._refuse("input.owner", "unknown_owner", f"{rules} has this send reviewed, and {wrong}")
        return False

    def _content(self) -> dict[str, Any]:
        """`{channel type: content}`, complete and checked against the schema of each type."""
        request, path = self._request, "input.body.content"
        content = dict(request.content or {})
        if request.template:
            template = self._snapshot.template(self._channel["name"], request.template)
            if template is None:
                if waiting := self._snapshot.held.get(("Template", f"{self._channel['name']}/{request.template}")):
                    message = f"Template {request.template} cannot be used yet: {waiting.reason}"
                    self._refuse("input.body.template.name", "template_not_approved", message)
                    return {}
                self._unknown("Template", request.template, "input.body.template.name", "unknown_template")
                return {}
            if self._invalid("Template", request.template, "input.body.template.name", "template_invalid"):
                return {}
            filled, problems = values(template, request.variables, "input.body.template.variables")
            self._problems += problems
            content, path = {} if problems else render(template["content"], filled), "input.body.template"
        elif not content:
            self._refuse(path, "no_content", "found nothing, expected content for at least one type")
        self._problems += check(self._snapshot, self._channel, content, path)
        return content

    def _resolved(self, content: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """With the provider's id for every template and signature that is named; refused where that is of no use."""
        names = self._snapshot.names(self._channel["name"])
        if not self._problems:
            codes = (code for step in steps for code in step["send"])
            reach = by_type(self._snapshot.all("DeliveryChannel"), codes)
            path = "input.body.template" if self._request.template else "input.body.content"
            for flaw in names.flaws(content, reach):
                self._refuse(f"{path}.{flaw.path}", "provider_template_unusable", flaw.message)
        return names.resolved(content)

    def _steps(self, content: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The steps that the message will take, pinned to it."""
        request = self._request
        if self._policy:
            policy = self._snapshot.policy(self._channel["name"], self._policy)
            if policy is None:
                self._unknown("SendPolicy", self._policy, "input.policy", "unknown_policy")
                return []
            if self._invalid("SendPolicy", self._policy, "input.policy", "policy_invalid"):
                return []
            self._check_usable([code for step in policy["steps"] for code in step["send"]], content, "input.policy")
            return rules(policy)
        if request.delivery_channels is not None:
            self._check_usable(request.delivery_channels, content, "input.deliveryChannels")
            return [{"send": list(request.delivery_channels)}]
        codes = [code for code in self._granted if self._type(code).value in content]
        if content and not codes:
            wanted = ", ".join(content)
            self._refuse("input.body", "no_delivery_channel", f"no enabled DeliveryChannel of the types {wanted}")
        return [{"send": codes}]

    def _check_usable(self, codes: Sequence[str], content: Mapping[str, Any], path: str) -> None:
        """Every DeliveryChannel named is granted and enabled, and the body has content for its type."""
        for code in codes:
            if code not in self._granted:
                may = ", ".join(self._granted) or "none"
                message = (
                    f"{code} is no DeliveryChannel that Channel {self._channel['name']} may use now; it may use {may}"
                )
                self._refuse(path, "not_granted", message)
            elif content and self._type(code).value not in content:
                message = f"{code} needs content of type {self._type(code).value}, the body has {', '.join(content)}"
                self._refuse(path, "no_content", message)

    def _audience(self, content: Mapping[str, Any]) -> dict[str, Any]:
        audience = self._request.audience
        if (users := audience.get("users")) is not None:
            return self._users(users)
        if (groups := audience.get("addresses")) is None:
            return {"broadcast": True}
        if self._policy:
            message = "a policy follows users, and direct addresses are nobody's; send to users, or without a policy"
            self._refuse("input.policy", "policy_needs_users", message)
        if not groups:
            self._refuse("input.audience.addresses", "empty_audience", "names nobody; give addresses")
        return {"addresses": [self._group(group, n, content) for n, group in enumerate(groups)]}

    def _callback(self) -> dict[str, Any]:
        """Who is told what becomes of the message, and of what; nobody where the Channel declares no callbacks."""
        asked = self._request.callback or {}
        if not isinstance(asked.get("params") or {}, Mapping):
            self._refuse("input.callback.params", "invalid", "expected an object")
        try:
            return outbox.wanted(self._channel.get("callbacks") or {}, asked)
        except KeyError as unknown:
            self._refuse("input.callback.url", "unknown_callback", str(unknown.args[0]))
            return {}

    def _users(self, users: Mapping[str, Any]) -> dict[str, Any]:
        path = "input.audience.users"
        user_ids, tags, segment = users.get("userIds") or [], users.get("tags") or [], users.get("segment")
        self._check_number(user_ids, MOST_IDS, f"{path}.userIds")
        self._check_number(tags, MOST_TAGS, f"{path}.tags")
        if not (user_ids or tags or segment):
            self._refuse(path, "empty_audience", "names nobody; give userIds, tags or a segment")
        named = {"userIds": list(dict.fromkeys(user_ids)), "tags": list(dict.fromkeys(tags))}
        if not segment:
            return {"users": named}
        self._check_declared("Segment", segment, f"{path}.segment", "unknown_segment")
        return {"users": {**named, "segment": segment}}

    def _filter(self) -> dict[str, str]:
        """The one list, if any, that says who of the users gets nothing."""
        black, white = self._request.blacklist, self._request.whitelist
        if black and white:
            message = "a send is filtered by a blacklist or by a whitelist, not by both; leave one out"
            self._refuse("input.whitelist", "two_lists", message)
        if black:
            self._check_declared("Blacklist", black, "input.blacklist", "unknown_blacklist")
            return {"blacklist": black}
        if white:
            self._check_declared("Whitelist", white, "input.whitelist", "unknown_whitelist")
            return {"whitelist": white}
        return {}

    def _check_declared(self, kind: str, name: str, path: str, code: str) -> None:
        if f"{self._channel['name']}/{name}" not in self._snapshot.all(kind):
            self._unknown(kind, name, path, code)

    def _group(self, group: Mapping[str, Any], n: int, content: Mapping[str, Any]) -> dict[str, Any]:
        """One group of direct addresses, its DeliveryChannel made certain."""
        path, kind = f"input.audience.addresses[{n}]", ChannelType(group["type"])
        self._check_number(group["addresses"], MOST_IDS, f"{path}.addresses")
        fitting = [code for code in self._granted if self._type(code) is kind]
        code = group.get("deliveryChannel") or (fitting[0] if len(fitting) == 1 else "")
        if code not in fitting:
            may = ", ".join(fitting) or "none"
            message = f"found {code or 'none'}; Channel {self._channel['name']} may use {may} for {kind.value}"
            self._refuse(f"{path}.deliveryChannel", "unknown_delivery_channel", message)
        elif content and kind.value not in content:
            self._refuse(f"{path}.type", "no_content", f"the body has no content of type {kind.value}")
        return {"deliveryChannel": code, "addresses": list(group["addresses"])}

    def _check_number(self, given: Sequence[object], most: int, path: str) -> None:
        if len(given) > most:
            message = f"found {len(given)}, at most {most} are allowed in one send; send in parts, or by tag"
            self._refuse(path, "too_many", message)

    def _undisturbing(self, at: int) -> int:
        """When it goes out, by the Channel's do-not-disturb: at this time, or at the end of the quiet time."""
        until = quiet_until(self._channel, self._priority, at)
        if until is None:
            return at
        if until < NEVER and self._channel["doNotDisturb"]["mode"] == "defer":
            return until
        self._refuse("input.sendAt", "do_not_disturb", disturbing(self._channel, at, until))
        return at

    def _unknown(self, kind: str, name: str, path: str, code: str) -> None:
        channel = self._channel["name"]
        own = [full.partition("/")[2] for full in self._snapshot.all(kind) if full.startswith(f"{channel}/")]
        self._refuse(path, code, f"Channel {channel} has no {kind} {name!r}{schemas.did_you_mean(name, own)}")

    def _invalid(self, kind: str, name: str, path: str, code: str) -> bool:
        """Whether a run time switch has made it useless, which is refused with the reason."""
        channel = self._channel["name"]
        reason = self._snapshot.invalid(channel).get((kind, f"{channel}/{name}"))
        if reason:
            self._refuse(path, code, f"{kind} {name} cannot be used now: {reason}")
        return bool(reason)

    def _refuse(self, path: str, code: str, message: str) -> None:
        self._problems.append(Problem(path=path, code=code, message=message))

    @property
    def _granted(self) -> list[str]:
        return self._snapshot.granted(self._channel)

    def _type(self, code: str) -> ChannelType:
        return channel_type(self._snapshot.all("DeliveryChannel")[code])
