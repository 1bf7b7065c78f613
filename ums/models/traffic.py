"""What the engine owns: messages, their recipients, deliveries and batches, and the counters.

Ids of recipients and deliveries are `(message id << 32) + n`: the rows of a message lie side by side, a batch is a
plain range of ids, and nothing needs an index on the message. All times are milliseconds since the epoch, UTC.
"""

from typing import Any

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model

from ums.models.indexes import IndexWhere


class Message(Model):
    """One send, pinned to the revision under which it was accepted."""

    id = fields.IntField(primary_key=True)
    channel = fields.CharField(80)
    revision = fields.IntField()
    created_at = fields.BigIntField()
    priority = fields.SmallIntField()
    state = fields.CharField(20)
    """A `MessageState` value."""
    failure = fields.TextField(default="", db_default="")
    """Why a failed message was never sent."""
    audience: dict[str, Any] = fields.JSONField()
    """As the caller gave it: `{"broadcast": true}`, `{"users": {...}}` or `{"addresses": [...]}`.

    Beside it the list, if any, that says who of the users gets nothing: `"blacklist": name` or `"whitelist": name`.
    """
    content: dict[str, Any] = fields.JSONField()
    """Rendered: `{channel type: content}`."""
    template = fields.CharField(80, default="")
    policy = fields.CharField(80, default="")
    steps: list[dict[str, Any]] = fields.JSONField()
    """The canonical steps of its SendPolicy, `[{"send": [code], "when": {...}}]`; without one: one step."""
    send_no = fields.CharField(120, default="")
    owner = fields.CharField(80, default="")
    idempotency_key = fields.CharField(120, null=True)
    input_hash = fields.CharField(64, default="")

    send_at = fields.BigIntField()
    deferred_from: int | None = fields.BigIntField(null=True)
    """When it was to go out, where its Channel's do-not-disturb moved `send_at` to the end of a period."""
    approved_at: int | None = fields.BigIntField(null=True)
    """When the last level of an audit let it pass; what was to go out at once is sent from then on."""
    due_at: int | None = fields.BigIntField(null=True)
    """When a worker must next look at it: to expand its audience, or to take policy steps. Null: nothing to do."""
    lease_until = fields.BigIntField(default=0)
    lease_token = fields.CharField(32, default="")
    segment: int | None = fields.IntField(null=True)
    """The number (`PeopleList.id`) of the Segment in its audience, known once that is worked out."""
    expanded = fields.BooleanField(default=False)
    cursor = fields.BigIntField(default=0)
    """Expansion got this far: the last user id (or the position in the list of addresses) that was worked out."""
    recipients = fields.BigIntField(default=0)
    deliveries = fields.BigIntField(default=0)
    """How many rows of each were given out: the next id is `(id << 32) + this + 1`."""
    recalled_at: int | None = fields.BigIntField(null=True)
    """Nothing of it is sent since then."""
    deleted_at: int | None = fields.BigIntField(null=True)
    """Its Channel sees it no more since then, and its rows are about to go."""
    callback_url = fields.CharField(1000, db_default="")
    """Who is told what becomes of it; empty: nobody."""
    callbacks = fields.IntField(db_default=0)
    """What is told: a bit for each `Told` value."""
    callback_params: Any = fields.JSONField(null=True)
    """Given back with everything that is told."""

    class Meta:
        table = "message"
        unique_together = (("channel", "idempotency_key"),)
        indexes = (
            IndexWhere(fields=("priority", "due_at"), name="message_due", where="due_at IS NOT NULL"),
            Index(fields=("channel", "id"), name="message_history"),
            IndexWhere(fields=("id",), name="message_sending", where="state = 'sending'"),
            IndexWhere(fields=("deleted_at",), name="message_deleted", where="deleted_at IS NOT NULL"),
        )


class Recipient(Model):
    """One person (or one direct address) of a message."""

    id = fields.BigIntField(primary_key=True, generated=False)
    message_id = fields.IntField()
    user_id: int | None = fields.BigIntField(null=True)
    """`User.id`; null for a direct address. No foreign key: history outlives the person."""
    target = fields.CharField(320)
    """The userId, or the direct address."""
    state = fields.SmallIntField(default=0)
    """The best `State` of its deliveries, or LOST."""
    reason = fields.CharField(20, default="")
    step = fields.SmallIntField(default=0)
    """The policy step that was reached, from 0."""
    next_check_at: int | None = fields.BigIntField(null=True)

    class Meta:
        table = "recipient"
        indexes = (
            Index(fields=("user_id",), name="recipient_user"),
            IndexWhere(
                fields=("message_id", "next_check_at"),
                name="recipient_check",
                where="next_check_at IS NOT NULL",
            ),
        )


class Delivery(Model):
    """One address of one recipient on one DeliveryChannel. Only `ums.messaging.ledger` changes it."""

    id = fields.BigIntField(primary_key=True, generated=False)
    recipient_id = fields.BigIntField()
    delivery_channel = fields.CharField(80)
    step = fields.SmallIntField(default=0)
    address = fields.CharField(320)
    state = fields.SmallIntField(default=0)
    reason = fields.CharField(20, default="")
    code = fields.CharField(40, default="")
    words = fields.TextField(default="")
    """What the provider said, when it failed."""
    provider_id = fields.CharField(120, null=True)
    """The provider's id of this one target, where it gives one; else the id stands on the `Attempt`."""
    planned_at = fields.BigIntField()
    submitted_at: int | None = fields.BigIntField(null=True)
    delivered_at: int | None = fields.BigIntField(null=True)
    clicked_at: int | None = fields.BigIntField(null=True)
    opened_at: int | None = fields.BigIntField(null=True)
    """When the dot in an e-mail was first shown, where its DeliveryChannel puts one in."""
    failed_at: int | None = fields.BigIntField(null=True)
    app_platform = fields.CharField(12, null=True)
    """An `AppPlatform` value, once a receipt told it."""
    app_sender = fields.CharField(12, null=True)
    """An `AppSender` value, once a receipt told it."""

    class Meta:
        table = "delivery"
        indexes = (
            Index(fields=("recipient_id",), name="delivery_recipient"),
            Index(fields=("address",), name="delivery_address"),
            IndexWhere(fields=("provider_id",), name="delivery_provider_id", where="provider_id IS NOT NULL"),
        )


class Batch(Model):
    """A range of deliveries of one DeliveryChannel that goes out in one call: the unit of lease and retry.

    A repeat takes those of the range that are still planned, so nothing is ever regrouped.
    """

    id = fields.BigIntField(primary_key=True)
    message_id = fields.IntField()
    delivery_channel = fields.CharField(80)
    priority = fields.SmallIntField()
    first_id = fields.BigIntField()
    last_id = fields.BigIntField()
    turn_at = fields.BigIntField(db_default=0)
    """Among what is due, the smallest goes first: when the message was to be sent, and a second more for each batch.

    So of a huge message and a small one that came later, the small one has its turn as soon as it is there, and
    however many small ones come, the huge one has a batch in every second of theirs.
    """
    due_at = fields.BigIntField()
    deadline_at = fields.BigIntField()
    """What is still planned then has failed."""
    lease_until = fields.BigIntField(default=0)
    lease_token = fields.CharField(32, default="")
    attempts = fields.SmallIntField(default=0)
    request_key = fields.CharField(120, default="")
    """The provider's idempotency key, kept before the first attempt and used by every attempt."""
    done_at: int | None = fields.BigIntField(null=True)
    ask_at: int | None = fields.BigIntField(null=True)
    """When the provider is asked what became of it, where it must be asked. Null: it need not be, or no longer."""
    asked = fields.SmallIntField(db_default=0)
    """How often it was."""
    recall_at: int | None = fields.BigIntField(null=True)
    """Its message was recalled: when a worker must next see to it. It is never claimed to be sent again."""
    recall_tries = fields.SmallIntField(db_default=0)
    recalled_at: int | None = fields.BigIntField(null=True)
    """When it was known what came of that."""
    recall_verdict = fields.CharField(20, db_default="")
    """A `RecallVerdict` value; empty until then, and where nothing had been sent."""
    recall_code = fields.CharField(40, db_default="")
    recall_words = fields.TextField(db_default="")
    """What the provider said to it."""

    class Meta:
        table = "batch"
        indexes = (
            IndexWhere(fields=("recall_at",), name="batch_recall", where="recall_at IS NOT NULL"),
            IndexWhere(fields=("ask_at",), name="batch_ask", where="ask_at IS NOT NULL"),
            IndexWhere(fields=("priority", "turn_at"), name="batch_turn", where="done_at IS NULL"),
            IndexWhere(fields=("delivery_channel", "lease_until"), name="batch_leased", where="done_at IS NULL"),
            Index(fields=("message_id",), name="batch_message"),
        )


class Attempt(Model):
    """One call to a provider: the engineers' log, and the key by which receipts find their deliveries."""

    id = fields.BigIntField(primary_key=True)
    batch_id = fields.BigIntField()
    delivery_channel = fields.CharField(80)
    number = fields.SmallIntField()
    started_at = fields.BigIntField()
    took_ms = fields.IntField()
    targets = fields.IntField()
    verdict = fields.CharField(20)
    """`answered`, `busy`, `refused` or `unknown`."""
    code = fields.CharField(40, default="")
    words = fields.TextField(default="")
    provider_id = fields.CharField(120, null=True)
    """The provider's id of the whole batch, where it gives one."""
    worker = fields.CharField(80, default="")
    revision = fields.IntField(db_default=0)
    """The configuration that the DeliveryChannel was used by."""
    requests = fields.TextField(db_default="")
    """What went over the wire, a line each, without what is secret or personal; empty where it is no HTTP."""

    class Meta:
        table = "attempt"
        indexes = (
            Index(fields=("batch_id",), name="attempt_batch"),
            IndexWhere(
                fields=("delivery_channel", "provider_id"),
                name="attempt_provider_id",
                where="provider_id IS NOT NULL",
            ),
        )


class DeliveryChannelStatus(Model):
    """How a DeliveryChannel is doing, known to all workers, without a row when it never had trouble nor a limit."""

    delivery_channel = fields.CharField(80, primary_key=True)
    next_at = fields.BigIntField(db_default=0)
    """What its declared rate still owes: the next address may go out then."""
    closed_until = fields.BigIntField(db_default=0)
    """No call before: the provider asked for a pause, or it keeps failing."""
    failures = fields.IntField(db_default=0)
    """One after the other, 0 after a success."""
    since = fields.BigIntField(db_default=0)
    """When the first of them was."""
    code = fields.CharField(40, db_default="")
    words = fields.TextField(db_default="")
    """What the provider said last."""

    class Meta:
        table = "delivery_channel_status"


class WaitingReceipt(Model):
    """A receipt that came before the answer of the submit it speaks of, applied when that answer is recorded."""

    id = fields.BigIntField(primary_key=True)
    delivery_channel = fields.CharField(80)
    provider_id = fields.CharField(120)
    address = fields.CharField(320)
    state = fields.SmallIntField()
    reason = fields.CharField(20, default="")
    code = fields.CharField(40, default="")
    words = fields.TextField(default="")
    at = fields.BigIntField()
    received_at = fields.BigIntField()
    app_platform = fields.CharField(12, null=True)
    app_sender = fields.CharField(12, null=True)

    class Meta:
        table = "waiting_receipt"
        indexes = (Index(fields=("delivery_channel", "provider_id"), name="waiting_receipt_match"),)
