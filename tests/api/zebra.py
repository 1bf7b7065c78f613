"""A Channel whose every thing says zebra, so that it is seen wherever it should not be."""

from collections.abc import Mapping
from typing import Any

from tests.api.conftest import Api
from tests.api.test_sending import SEND
from tests.members.declared import MEMBERS
from ums.database import connection, execute
from ums.members import sessions
from ums.messaging.calling.dead_letters import CallbackState
from ums.messaging.delivering import replies
from ums.people.uploads import work_off
from ums.providers.contract import Replied

DECLARED = f"""{MEMBERS}
---
apiVersion: ums/v1
kind: Member
name: olga
email: olga@ops.example
roles: [{{role: operator, channels: [ops]}}, {{role: auditor, channels: [ops]}}]
---
apiVersion: ums/v1
kind: Member
name: vic
email: vic@ops.example
roles: [{{role: viewer, channels: [ops]}}]
---
apiVersion: ums/v1
kind: Template
channel: shop
name: known-template
content:
  app: {{platform: all, notification: {{alert: A zebra}}}}
---
apiVersion: ums/v1
kind: ProviderTemplate
channel: shop
name: known-at-provider
deliveryChannel: sms
text: "A zebra for {{{{name}}}}"
type: notice
---
apiVersion: ums/v1
kind: Segment
channel: shop
name: known-segment
title: Zebra riders
membership: api
---
apiVersion: ums/v1
kind: Blacklist
channel: shop
name: known-list
title: Zebra haters
membership: api
---
apiVersion: ums/v1
kind: AuditRule
channel: shop
name: known-rule
on: message
targetKinds: [broadcast]
levels: [[chen]]
"""

PHONE = "+8613877770001"
CONTENT = {"content": {"app": {"platform": "all", "notification": {"alert": "zebra"}}}}
ANN = {
    "userId": "ann",
    "set": {
        "tags": [{"bind": "shop", "tags": ["zebratag"]}],
        "addresses": [
            {"type": "SMS", "bind": "shop", "values": [PHONE]},
            {"type": "APP", "bind": "app", "values": ["rid-of-ann"]},
        ],
    },
}
RANGE = {"from": "2027-01-01T00:00:00Z", "before": "2027-02-01T00:00:00Z"}
SHEET = b"userId,bind,sms\nbob,shop,13877770002\nb b,shop,zebra\n"
TO_ANN = {"users": {"userIds": ["ann"]}}
KNOWN = {"audience": TO_ANN, "body": {"template": {"name": "known-template"}}}
LATER = "2027-01-15T12:00:00Z"

EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "Query.message": {"id": "1"},
    "Query.messages": {},
    "Query.lifecycle": {"messageId": "1", "target": "ann"},
    "Query.user": {"userId": "ann"},
    "Query.users": {"filter": {"tag": "zebratag"}},
    "Query.coverage": {},
    "Query.userImport": {"id": "1"},
    "Query.userImports": {},
    "Query.segments": {},
    "Query.lists": {},
    "Query.previewTemplate": {"name": "known-template"},
    "Query.callbacks": {"state": CallbackState.DEAD.name},
    "Query.callbackAddresses": {},
    "Query.replies": {},
    "Query.statistics": {},
    "Query.config": {},
    "Query.me": {},
    "Query.memberTokens": {"member": "lin"},
    "Query.memberSessions": {"member": "lin"},
    "Query.auditLog": {"filter": {"channel": "shop"}},
    "Query.auditTickets": {"view": "TO_REVIEW"},
    "Query.auditTicket": {"id": "1"},
    "Query.recurringMessage": {"id": "1"},
    "Query.recurringMessages": {},
    "Query.providerTemplates": {"deliveryChannel": "sms"},
    "Query.publicTemplates": {"deliveryChannel": "sms"},
    "Query.publicTemplateKeywords": {"deliveryChannel": "sms", "publicTemplate": 7},
    "Subscription.messageProgress": {"id": "1"},
    "Mutation.sendMessage": {"input": KNOWN},
    "Mutation.updateScheduledMessage": {"id": "2", "input": {"owner": "somebody"}},
    "Mutation.cancelScheduledMessage": {"id": "2"},
    "Mutation.forwardMessage": {"id": "1", "input": {}},
    "Mutation.createRecurringMessage": {"input": {"cron": "30 9 * * *", "message": KNOWN}},
    "Mutation.pauseRecurringMessage": {"recurringMessage": "1"},
    "Mutation.resumeRecurringMessage": {"recurringMessage": "2"},
    "Mutation.cancelRecurringMessage": {"recurringMessage": "1"},
    "Mutation.recallMessage": {"id": "1"},
    "Mutation.deleteMessage": {"id": "1"},
    "Mutation.replayCallbacks": {"ids": ["1"]},
    "Mutation.testCallback": {"url": "https://127.0.0.1:9/"},
    "Mutation.upsertUsers": {"users": [{"userId": "ann", "set": {"tags": [{"bind": "shop", "tags": ["other"]}]}}]},
    "Mutation.importUsers": {"file": SHEET},
    "Mutation.deleteUsers": {"userIds": ["ann"]},
    "Mutation.addListMembers": {"kind": "BLACKLIST", "list": "known-list", "userIds": ["eve"]},
    "Mutation.removeListMembers": {"kind": "BLACKLIST", "list": "known-list", "userIds": ["ann"]},
    "Mutation.addSegmentMembers": {"segment": "known-segment", "userIds": ["eve"]},
    "Mutation.removeSegmentMembers": {"segment": "known-segment", "userIds": ["ann"]},
    "Mutation.importListMembers": {"kind": "BLACKLIST", "list": "known-list", "file": b"userId\nbea\n"},
    "Mutation.importSegmentMembers": {"segment": "known-segment", "file": b"userId\nbea\n"},
    "Mutation.setDeliveryChannelEnabled": {"deliveryChannel": "sms", "enabled": False},
    "Mutation.authorizeDeliveryChannel": {"deliveryChannel": "sms"},
    "Mutation.approve": {"ticket": "1", "seen": 1},
    "Mutation.reject": {"ticket": "1", "seen": 1, "comment": "no"},
    "Mutation.resubmit": {"ticket": "2", "input": {"owner": "lin"}},
    "Mutation.syncProviderTemplates": {"deliveryChannel": "sms"},
    "Mutation.importProviderTemplate": {"deliveryChannel": "sms", "providerId": "7"},
    "Mutation.forgetProviderTemplate": {"deliveryChannel": "sms", "providerId": "7"},
    "Mutation.pickProviderTemplate": {"deliveryChannel": "sms", "publicTemplate": 7, "keywords": [1], "scene": "x"},
    "Mutation.createMemberToken": {"name": "new", "member": "lin"},
    "Mutation.revokeMemberToken": {"name": "kept", "member": "lin"},
    "Mutation.revokeMemberSessions": {"member": "lin"},
}
"""Of everything in the schema a request for what is the Channel's own, or a Member's."""

BELOW: Mapping[str, Mapping[str, Any]] = {
    "Statistics.messages": {"range": RANGE},
    "Statistics.requests": {"range": RANGE},
    "Statistics.clicksByHour": {"range": RANGE},
    "Statistics.segment": {"name": "known-segment"},
}
"""The same of the fields that hang under them."""


async def settle(api: Api) -> None:
    """All that the Channel `shop` and its Members can have, and none of it is anybody else's."""
    await api.asks(
        "mutation ($users: [UserInput!]!) { upsertUsers(users: $users) { written problems { message } } }", users=[ANN]
    )
    for more in ({"audience": TO_ANN, "body": CONTENT}, {"audience": TO_ANN, "body": CONTENT, "sendAt": LATER}):
        await api.asks(SEND, input={**more, "owner": "zebra-keeper", "sendNo": "zebra-1"})
    often = """mutation ($input: RecurringMessageInput!) {
      createRecurringMessage(input: $input) { recurringMessage { id } problems { message } } }"""
    for _ in range(2):
        recurring = {"cron": "30 9 * * *", "message": {"audience": TO_ANN, "body": CONTENT, "owner": "zebra-keeper"}}
        assert (await api.asks(often, input=recurring))["createRecurringMessage"]["problems"] == []
    await api.asks('mutation { pauseRecurringMessage(recurringMessage: "2") { problems { code } } }')
    lin = await api.token("lin")
    await sessions.start("lin", 12, api.engine.clock())
    for _ in range(2):
        audited = {"audience": {"broadcast": True}, "body": CONTENT, "sendNo": "zebra-2"}
        answer = await api.member_answers(SEND, lin, "shop", input=audited)
        assert answer["data"]["sendMessage"]["message"]["state"] == "AUDITING", answer
    for change in (
        'addListMembers(kind: BLACKLIST, list: "known-list", userIds: ["ann"]) { changed }',
        'addSegmentMembers(segment: "known-segment", userIds: ["ann"]) { changed }',
        'setDeliveryChannelEnabled(deliveryChannel: "mail", enabled: false) { enabled }',
        'createMemberToken(name: "kept") { text }',
    ):
        assert "errors" not in await api.member_answers(f"mutation {{ {change} }}", lin, "shop")
    reject = 'mutation { reject(ticket: "2", seen: 1, comment: "no zebra") { problems { message } } }'
    rejected = await api.member_answers(reject, await api.token("chen"), "shop")
    assert rejected["data"]["reject"]["problems"] == []
    imports = "mutation ($file: Upload!) { importUsers(file: $file) { import { id } } }"
    await api.uploads(imports, SHEET, name="zebra.csv")
    while await work_off(api.engine.snapshots, api.engine.clock):
        pass
    await api.works()
    await execute(connection(), "INSERT INTO callback_address (channel, url) VALUES ('shop', 'https://zebra.example')")
    await execute(connection(), _DEAD)
    await replies.keep(api.engine, "sms", [Replied(PHONE, "no zebra any more", api.engine.clock())])


_DEAD = """
INSERT INTO callback (address_id, message_id, recipient_id, type, at, dead_at, failure)
SELECT a.id, r.message_id, r.id, 0, 1, 2, 'zebra' FROM callback_address a, recipient r WHERE r.message_id = 1"""
