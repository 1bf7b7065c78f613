"""What a schema cannot say about a SendPolicy."""

from collections.abc import Iterator

from ums.documents import Path
from ums.reconcile.rules import Bodies, Body, Breach, not_granted, platform
from ums.schemas import did_you_mean
from ums.vocabulary import State

_WAITS_FOR = {"notDelivered": State.DELIVERED, "notClicked": State.CLICKED}
_SOONEST = {"notDelivered": 60, "notClicked": 300}
"""Seconds that a receipt, or a person, takes at least."""


def all_granted(policy: Body, bodies: Bodies) -> Iterator[Breach]:
    """A policy sends only on what its Channel is granted."""
    for path, code in _sent(policy):
        if wrong := not_granted(policy, code, bodies):
            yield path, wrong


def sent_once(policy: Body, _: Bodies) -> Iterator[Breach]:
    first: dict[str, int] = {}
    for path, code in _sent(policy):
        step = int(path[1]) + 1
        if code in first:
            yield path, f"{code} already stands in step {first[code]}; a policy sends on a DeliveryChannel once"
        first.setdefault(code, step)


def conditions_placed(policy: Body, _: Bodies) -> Iterator[Breach]:
    """The first step runs at once, each later one when its condition says so."""
    for number, step in enumerate(policy["steps"]):
        if number == 0 and "when" in step:
            yield ("steps", 0, "when"), "the first step runs at once; remove when"
        if number > 0 and "when" not in step:
            yield ("steps", number), "'when' is missing; say when this step runs, or send on all in one step"


def conditions_earlier(policy: Body, bodies: Bodies) -> Iterator[Breach]:
    """A condition waits for what an earlier step has sent."""
    for number, path, _, code in _conditions(policy):
        earlier = {sent for step in policy["steps"][:number] for sent in step["send"]}
        if number and code not in earlier and ("DeliveryChannel", code) in bodies:
            yield path, f"no earlier step sends on {code}{did_you_mean(code, earlier)}"


def detectable(policy: Body, bodies: Bodies) -> Iterator[Breach]:
    """A condition waits for what the platform can tell."""
    for _, path, word, code in _conditions(policy):
        found = platform(bodies, code)
        if found and _WAITS_FOR[word] not in found.detects:
            others = [name for name, state in _WAITS_FOR.items() if state in found.detects]
            wait = f"wait for {others[0]} or " if others else ""
            status = _WAITS_FOR[word].name.lower()
            yield path, f"{code} can never report {status!r}; {wait}choose another DeliveryChannel"


def can_stop(policy: Body, bodies: Bodies) -> Iterator[Breach]:
    """Something of it can tell what the policy stops on."""
    wanted = policy.get("stopOn", "")
    found = [platform(bodies, code) for _, code in _sent(policy)]
    if wanted and None not in found and not any(State[wanted.upper()] in one.detects for one in found if one):
        yield ("stopOn",), f"no DeliveryChannel of this policy can ever report {wanted!r}; remove stopOn"


def chooses_clearly(policy: Body, bodies: Bodies) -> Iterator[Breach]:
    """Who chooses the cheapest has several to choose from, and knows what each of them costs."""
    for number, step in enumerate(policy["steps"]):
        if "choose" not in step:
            continue
        if len(step["send"]) == 1:
            yield ("steps", number, "choose"), f"{step['send'][0]} is all that this step sends on; remove choose"
        for place, code in enumerate(step["send"]):
            if "cost" not in bodies.get(("DeliveryChannel", code), {"cost": 0}):
                message = f"{code} says no cost, and choose: cheapest compares them; add cost to that DeliveryChannel"
                yield ("steps", number, "send", place), message


def steps_enough(policy: Body, _: Bodies) -> Iterator[Breach]:
    """One step alone is a policy only where it chooses."""
    if len(policy["steps"]) == 1 and "choose" not in policy["steps"][0]:
        message = "found one step: to send on several DeliveryChannels at once, use no policy"
        yield ("steps",), f"{message}; add a step, or choose: cheapest"


def choice_awaited(policy: Body, _: Bodies) -> Iterator[Breach]:
    """What was not chosen counts as failed, and with `any` one that failed is enough."""
    chosen = {code: step["send"] for step in policy["steps"] if "choose" in step for code in step["send"]}
    for _number, path, _word, code in _conditions(policy):
        others = [other for other in chosen.get(code, ()) if other != code]
        if path[3] == "any" and others:
            message = f"whoever got it on {others[0]} instead got nothing on {code}, which counts as failed at once"
            yield path, f"{message}: with `any` this step goes out to them at once; use `all`"


def windows_sensible(policy: Body, _: Bodies) -> Iterator[Breach]:
    for number, path, word, code in _conditions(policy):
        within = _within(policy, path)
        if within < _SOONEST[word]:
            what = _WAITS_FOR[word].name.lower()
            message = f"{within} s is soon: {code} may well report {what!r} later, and then both were sent"
            yield (*path[:-1], "within"), f"{message}; {_SOONEST[word]} s or more is usual"
        if number and within >= policy.get("deadline", within + 1):
            message = (
                f"the step waits {within} s and the deadline is {policy['deadline']} s: it comes too late for that"
            )
            yield (*path[:-1], "within"), message


def clicks_seen(policy: Body, bodies: Bodies) -> Iterator[Breach]:
    """Where a click is seen only of some messages."""
    for _, path, word, code in _conditions(policy):
        found = platform(bodies, code)
        if found and word == "notClicked" and State.CLICKED in found.detects and found.clicks_need:
            need = found.clicks_need
            yield path, f"{code} sees clicks only of messages with {need}; for others this is always met"


def switched_on(policy: Body, bodies: Bodies) -> Iterator[Breach]:
    """What is switched off in the Channel makes a policy unusable for the time being."""
    channel = bodies.get(("Channel", policy["channel"]), {"deliveryChannels": []})
    off = {grant["name"] for grant in channel["deliveryChannels"] if not grant["enabled"]}
    for path, code in _sent(policy):
        if code in off:
            name = policy["channel"]
            yield path, f"{code} is switched off in Channel {name}: the policy cannot be used until it is on again"


def _within(policy: Body, path: Path) -> int:
    _, number, _, join, place, _ = path
    return int(policy["steps"][number]["when"][join][place]["within"])


def _sent(policy: Body) -> Iterator[tuple[Path, str]]:
    for number, step in enumerate(policy["steps"]):
        for place, code in enumerate(step["send"]):
            yield ("steps", number, "send", place), code


def _conditions(policy: Body) -> Iterator[tuple[int, Path, str, str]]:
    """The step, the place, the word and the DeliveryChannel of each condition."""
    for number, step in enumerate(policy["steps"]):
        for join, conditions in step.get("when", {}).items():
            for place, condition in enumerate(conditions):
                word = next(name for name in condition if name in _WAITS_FOR)
                yield number, ("steps", number, "when", join, place, word), word, condition[word]
