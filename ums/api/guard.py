"""Which right each field of the schema takes, and the one place that asks for it."""

from collections.abc import Callable, Mapping
from functools import partial
from inspect import isawaitable
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo, GraphQLSchema

from ums.api.caller import Caller
from ums.api.deeds import logged
from ums.api.words import Context
from ums.errors import CallerForbidden
from ums.members.rights import Right

NEEDS: Mapping[str, Right] = {
    "Query.message": Right.READ,
    "Query.messages": Right.READ,
    "Query.lifecycle": Right.READ,
    "Query.recurringMessage": Right.READ,
    "Query.recurringMessages": Right.READ,
    "Query.user": Right.READ_PEOPLE,
    "Query.users": Right.READ_PEOPLE,
    "Query.coverage": Right.READ_PEOPLE,
    "Query.userImport": Right.WRITE_PEOPLE,
    "Query.userImports": Right.WRITE_PEOPLE,
    "Query.segments": Right.READ,
    "Query.lists": Right.READ,
    "Query.previewTemplate": Right.READ,
    "Query.providerTemplates": Right.READ,
    "Query.publicTemplates": Right.PROVIDER_TEMPLATES,
    "Query.publicTemplateKeywords": Right.PROVIDER_TEMPLATES,
    "Query.callbacks": Right.READ,
    "Query.callbackAddresses": Right.READ,
    "Query.replies": Right.READ,
    "Query.statistics": Right.READ,
    "Query.config": Right.READ,
    "Query.me": Right.OWN_TOKENS,
    "Query.memberTokens": Right.OWN_TOKENS,
    "Query.memberSessions": Right.OWN_TOKENS,
    "Query.auditLog": Right.READ_AUDIT_LOG,
    "Query.auditTickets": Right.OWN_TICKETS,
    "Query.auditTicket": Right.READ,
    "Subscription.messageProgress": Right.READ,
    "Mutation.sendMessage": Right.SEND,
    "Mutation.updateScheduledMessage": Right.SEND,
    "Mutation.cancelScheduledMessage": Right.SEND,
    "Mutation.forwardMessage": Right.SEND,
    "Mutation.createRecurringMessage": Right.SEND,
    "Mutation.pauseRecurringMessage": Right.SEND,
    "Mutation.resumeRecurringMessage": Right.SEND,
    "Mutation.cancelRecurringMessage": Right.SEND,
    "Mutation.recallMessage": Right.RECALL,
    "Mutation.deleteMessage": Right.RECALL,
    "Mutation.replayCallbacks": Right.CALLBACKS,
    "Mutation.testCallback": Right.CALLBACKS,
    "Mutation.upsertUsers": Right.WRITE_PEOPLE,
    "Mutation.importUsers": Right.WRITE_PEOPLE,
    "Mutation.deleteUsers": Right.DELETE_PEOPLE,
    "Mutation.addListMembers": Right.WRITE_PEOPLE,
    "Mutation.removeListMembers": Right.WRITE_PEOPLE,
    "Mutation.importListMembers": Right.WRITE_PEOPLE,
    "Mutation.importSegmentMembers": Right.WRITE_PEOPLE,
    "Mutation.addSegmentMembers": Right.WRITE_PEOPLE,
    "Mutation.removeSegmentMembers": Right.WRITE_PEOPLE,
    "Mutation.setDeliveryChannelEnabled": Right.SWITCH,
    "Mutation.authorizeDeliveryChannel": Right.SWITCH,
    "Mutation.syncProviderTemplates": Right.PROVIDER_TEMPLATES,
    "Mutation.importProviderTemplate": Right.PROVIDER_TEMPLATES,
    "Mutation.forgetProviderTemplate": Right.PROVIDER_TEMPLATES,
    "Mutation.pickProviderTemplate": Right.PROVIDER_TEMPLATES,
    "Mutation.approve": Right.REVIEW,
    "Mutation.reject": Right.REVIEW,
    "Mutation.resubmit": Right.SEND,
    "Mutation.createMemberToken": Right.OWN_TOKENS,
    "Mutation.revokeMemberToken": Right.OWN_TOKENS,
    "Mutation.revokeMemberSessions": Right.OWN_TOKENS,
}
"""A field that is not in here stops the schema from being built. What hangs under a field is the field's."""

Resolver = Callable[..., Any]


def guard(schema: GraphQLSchema) -> None:
    """Every field of the root types asks for its right first; raises KeyError for one that says none."""
    for root in (schema.query_type, schema.mutation_type, schema.subscription_type):
        for name, field in (root.fields if root else {}).items():
            right = NEEDS[f"{root}.{name}"]
            if field.subscribe:
                field.subscribe = _guarded(field.subscribe, right)
            elif field.resolve:
                asking = _guarded(field.resolve, right)
                field.resolve = _written_down(asking, name) if root is schema.mutation_type else asking


def _guarded(resolve: Resolver, right: Right) -> Resolver:
    def ask_first(source: Any, info: GraphQLResolveInfo[Context], **arguments: Any) -> Any:
        if info.context.lasting:
            return ask_again(source, info, **arguments)
        require(info.context.caller, right)
        return resolve(source, info, **arguments)

    async def ask_again(source: Any, info: GraphQLResolveInfo[Context], **arguments: Any) -> Any:
        await info.context.admit_again()
        require(info.context.caller, right)
        answer = resolve(source, info, **arguments)
        return await answer if isawaitable(answer) else answer

    return ask_first


def _written_down(resolve: Resolver, name: str) -> Resolver:
    """What a Member does, and what one tries to, is in the audit log; a key's doings are in the history of messages."""

    def write_down(source: Any, info: GraphQLResolveInfo[Context], **arguments: Any) -> Any:
        do = partial(resolve, source, info, **arguments)
        return logged(info.context, name, arguments, do) if info.context.caller.member else do()

    return write_down


def require(caller: Caller, right: Right) -> None:
    """Raises the GraphQLError of whoever may not."""
    try:
        caller.require(right)
    except CallerForbidden as error:
        raise GraphQLError(str(error), extensions={"code": error.code}) from error
