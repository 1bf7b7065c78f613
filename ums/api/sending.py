"""`sendMessage`."""

from datetime import datetime
from typing import Annotated, Any

import strawberry
import structlog
from strawberry.scalars import JSON

from ums.api.messages import Message
from ums.api.words import Info, Problem, milliseconds
from ums.errors import CallerRefused
from ums.messaging.sending.request import SendRequest
from ums.messaging.sending.send import send
from ums.vocabulary import ChannelType, Priority

log = structlog.get_logger()


@strawberry.input(description="People, by name, by tag or by Segment; the union, and each person once.")
class UsersInput:
    user_ids: list[str] | None = strawberry.field(default=None, description="At most 1,000.")
    tags: list[str] | None = strawberry.field(default=None, description="At most 20; any of them.")
    segment: str | None = strawberry.field(
        default=None, description="A Segment's name; who is in it is found out when the audience is worked out."
    )


@strawberry.input(description="Direct addresses, outside the user system; no policy and no list applies to them.")
class AddressesInput:
    type: ChannelType
    addresses: list[str] = strawberry.field(description="At most 1,000.")
    delivery_channel: str | None = strawberry.field(
        default=None, description="May be left out when the Channel has only one of the type."
    )


@strawberry.input(one_of=True)
class AudienceInput:
    broadcast: bool | None = strawberry.field(default=strawberry.UNSET, description="Everybody in the user system.")
    users: UsersInput | None = strawberry.UNSET
    addresses: list[AddressesInput] | None = strawberry.UNSET


@strawberry.input(description="For each type the content that its provider takes; see schemas/content/<type>.json.")
class ContentInput:
    app: JSON | None = None
    wechat_oa: JSON | None = None
    wechat_mp: JSON | None = None
    sms: JSON | None = None
    email: JSON | None = None
    alipay_life: JSON | None = None
    dingtalk: JSON | None = None
    wecom: JSON | None = None


@strawberry.input
class TemplateUseInput:
    name: str
    variables: JSON | None = None


@strawberry.input(one_of=True)
class BodyInput:
    content: ContentInput | None = strawberry.UNSET
    template: TemplateUseInput | None = strawberry.UNSET


@strawberry.input
class CallbackInput:
    url: str | None = strawberry.field(default=None, description="One that the Channel declares; absent: its default.")
    params: JSON | None = strawberry.field(default=None, description="Given back with every callback.")


@strawberry.input
class SendMessageInput:
    audience: AudienceInput
    body: BodyInput
    policy: str | None = strawberry.field(
        default=None,
        description="A SendPolicy's name; empty: all at once; absent: the Channel's default policy, if it has one, for "
        "a send to users that names no DeliveryChannels.",
    )
    blacklist: str | None = strawberry.field(
        default=None,
        description="A Blacklist's name: its members get nothing. Direct addresses are nobody's, and are not filtered.",
    )
    whitelist: str | None = strawberry.field(
        default=None,
        description="A Whitelist's name: only its members get anything. Not with a blacklist; direct addresses pass.",
    )
    delivery_channels: list[str] | None = strawberry.field(
        default=None,
        description="Codes; absent: every enabled, granted DeliveryChannel whose type the body has content for.",
    )
    send_at: datetime | None = None
    priority: Priority | None = strawberry.field(default=None, description="Absent: the Channel's default; MEDIUM.")
    idempotency_key: str | None = strawberry.field(
        default=None,
        description="Same key and same input: the same message; same key and other input: a problem.",
    )
    owner: str | None = strawberry.field(
        default=None,
        description="The login of the Member who answers for it; a system must say it where an AuditRule catches it.",
    )
    send_no: str | None = strawberry.field(default=None, description="Your own number, given back with the message.")
    callback: CallbackInput | None = None


@strawberry.type
class SendMessagePayload:
    message: Message | None
    problems: list[Problem]


@strawberry.type
class SendingMutation:
    @strawberry.mutation(description="Accept a message for delivery; the answer does not wait for providers.")
    async def send_message(
        self, info: Info, given: Annotated[SendMessageInput, strawberry.argument(name="input")]
    ) -> SendMessagePayload:
        try:
            accepted = await send(
                info.context.engine, info.context.channel, read_request(given), info.context.caller.login
            )
        except CallerRefused as refused:
            found = [f"{problem.path} {problem.code}" for problem in refused.problems]
            log.info("message_refused", channel=info.context.channel["name"], send_no=given.send_no, problems=found)
            return SendMessagePayload(message=None, problems=[Problem.of(p) for p in refused.problems])
        return SendMessagePayload(message=Message.of(accepted), problems=[])


def read_request(given: SendMessageInput) -> SendRequest:
    return SendRequest(
        audience=read_audience(given.audience),
        content=read_content(given.body.content) if given.body.content else None,
        template=given.body.template.name if given.body.template else "",
        variables={}
        if not given.body.template or given.body.template.variables is None
        else given.body.template.variables,
        policy=given.policy,
        blacklist=given.blacklist or "",
        whitelist=given.whitelist or "",
        delivery_channels=given.delivery_channels,
        send_at=milliseconds(given.send_at) if given.send_at else None,
        priority=given.priority,
        idempotency_key=given.idempotency_key,
        owner=given.owner or "",
        send_no=given.send_no or "",
        callback=read_callback(given.callback),
    )


def read_callback(given: CallbackInput | None) -> dict[str, Any] | None:
    return {"url": given.url, "params": given.params} if given else None


def read_audience(given: AudienceInput) -> dict[str, Any]:
    if given.users:
        return {"users": {"userIds": given.users.user_ids, "tags": given.users.tags, "segment": given.users.segment}}
    if given.addresses:
        return {
            "addresses": [
                {"type": g.type.value, "deliveryChannel": g.delivery_channel, "addresses": g.addresses}
                for g in given.addresses
            ]
        }
    return {"broadcast": True} if given.broadcast else {"users": {}}


def read_content(given: ContentInput) -> dict[str, Any]:
    found = {
        ChannelType.APP: given.app,
        ChannelType.WECHAT_OA: given.wechat_oa,
        ChannelType.WECHAT_MP: given.wechat_mp,
        ChannelType.SMS: given.sms,
        ChannelType.EMAIL: given.email,
        ChannelType.ALIPAY_LIFE: given.alipay_life,
        ChannelType.DINGTALK: given.dingtalk,
        ChannelType.WECOM: given.wecom,
    }
    return {kind.value: body for kind, body in found.items() if body is not None}
