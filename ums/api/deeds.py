"""What a Member's mutation leaves in the audit log: ids and names out of its arguments and its answer."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from graphql import GraphQLError

from ums.api.words import Context
from ums.members import audit_log
from ums.members.audit_log import Deed

WORDS: Mapping[str, str] = {
    "id": "message",
    "ids": "callback",
    "recurringMessage": "recurringMessage",
    "ticket": "ticket",
    "deliveryChannel": "deliveryChannel",
    "deliveryChannels": "deliveryChannel",
    "providerId": "providerTemplate",
    "enabled": "enabled",
    "userId": "user",
    "userIds": "user",
    "list": "list",
    "segment": "segment",
    "blacklist": "blacklist",
    "whitelist": "whitelist",
    "policy": "policy",
    "member": "member",
    "name": "name",
    "template.name": "template",
    "idempotencyKey": "idempotencyKey",
}
"""By argument, or field of an input, where need be with the one around it. What is not in here is not written down."""

INTO = {"input", "message", "body", "template", "audience", "users"}
"""Which inputs are looked into. Content, variables and addresses are in none of them by these names."""

MADE: Mapping[str, str] = {
    "message": "message",
    "ticket": "ticket",
    "recurring_message": "recurringMessage",
    "user_import": "userImport",
    "token": "token",
}
"""Fields of an answer whose ids belong to it, and their words."""

LONGEST = 160
"""Characters of a value: no id or name has more."""

MOST = 20
"""Words of an entry; an upload of a thousand people is not told one by one."""


async def logged(context: Context, what: str, arguments: Mapping[str, Any], do: Callable[[], Any]) -> Any:
    """What `do` answers, with an entry in the audit log from before it to after it."""
    caller = context.caller
    channel = caller.channel["name"] if caller.channel else ""
    deed = Deed(caller.name, caller.means, channel, what, about(arguments))
    entry = await audit_log.begin(deed, context.engine.clock())
    try:
        answer = do()
        answer = await answer if inspect.isawaitable(answer) else answer
    except GraphQLError as error:
        await audit_log.end(entry, [str((error.extensions or {}).get("code", "REFUSED"))])
        raise
    except Exception:
        await audit_log.end(entry, ["ERROR"])
        raise
    problems = dict.fromkeys(problem.code for problem in getattr(answer, "problems", ()))
    await audit_log.end(entry, list(problems), _made(answer))
    return answer


def about(arguments: Mapping[str, Any]) -> list[str]:
    """Ids and names in arguments, as they came; at most so many, and how many more there were."""
    found = list(dict.fromkeys(_words(arguments)))
    return found if len(found) <= MOST else [*found[:MOST], f"more:{len(found) - MOST}"]


def _words(given: Any, around: str = "") -> Iterator[str]:
    if isinstance(given, list):
        for one in given:
            yield from _words(one, around)
    elif isinstance(given, dict):
        for key, value in given.items():
            if word := WORDS.get(f"{around}.{key}") or WORDS.get(key):
                values = value if isinstance(value, list) else [value]
                yield from (f"{word}:{str(one)[:LONGEST]}" for one in values if isinstance(one, str | bool))
            if key in INTO:
                yield from _words(value, key)


def _made(answer: Any) -> list[str]:
    found = {word: getattr(getattr(answer, field, None), "id", None) for field, word in MADE.items()}
    return [f"{word}:{made}" for word, made in found.items() if made is not None]
