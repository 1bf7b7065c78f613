"""What is read for every funnel and statistics page: moved in the transactions that move the rows they count."""

from tortoise import fields
from tortoise.models import Model


class Count(Model):
    """How many deliveries of a DeliveryChannel stand at a state, for a reason: moved with the rows themselves.

    `delivery_channel = ''` counts recipients. Every funnel and every list of losses is read from here.
    """

    id = fields.BigIntField(primary_key=True)
    message_id = fields.IntField()
    delivery_channel = fields.CharField(80)
    state = fields.SmallIntField()
    reason = fields.CharField(20)
    number = fields.BigIntField()

    class Meta:
        table = "message_count"
        unique_together = (("message_id", "delivery_channel", "state", "reason"),)


class LossCount(Model):
    """How many deliveries a provider lost with a code of its own: moved with the rows themselves."""

    id = fields.BigIntField(primary_key=True)
    message_id = fields.IntField()
    delivery_channel = fields.CharField(80)
    state = fields.SmallIntField()
    reason = fields.CharField(20)
    code = fields.CharField(40)
    words = fields.TextField()
    """What the provider said to one of them."""
    number = fields.BigIntField()

    class Meta:
        table = "message_loss"
        unique_together = (("message_id", "delivery_channel", "state", "reason", "code"),)


class ChannelCount(Model):
    """The counters of all messages of a Channel by quarter of an hour: moved with those of the messages.

    A quarter of an hour, because there are time zones whose days begin at a quarter past.
    """

    id = fields.BigIntField(primary_key=True)
    channel = fields.CharField(80)
    """Its name; the number of a Segment where the attribution says so."""
    attribution = fields.SmallIntField()
    """`ums.messaging.counts.Attribution`: which time the bucket is of."""
    bucket = fields.IntField()
    """Quarters of an hour since the epoch, UTC. 0: earlier than what is told apart."""
    delivery_channel = fields.CharField(80)
    state = fields.SmallIntField()
    reason = fields.CharField(20)
    number = fields.BigIntField()

    class Meta:
        table = "channel_count"
        unique_together = (("channel", "attribution", "bucket", "delivery_channel", "state", "reason"),)


class SegmentSize(Model):
    """How many people a Segment had on a day of its Channel, as a nightly task found them."""

    id = fields.BigIntField(primary_key=True)
    list_id = fields.IntField()
    """`PeopleList.id`."""
    day = fields.CharField(10)
    """As in 2027-01-15."""
    size = fields.BigIntField()

    class Meta:
        table = "segment_size"
        unique_together = (("list_id", "day"),)


class Night(Model):
    """What is done once a day for each Channel, by whichever worker comes first."""

    id = fields.BigIntField(primary_key=True)
    task = fields.CharField(20)
    channel = fields.CharField(80)
    day = fields.CharField(10)
    """The day of the Channel that it is about, as in 2027-01-15."""
    lease_until = fields.BigIntField()
    """ms; somebody else does it when this is over and it is not done."""
    done_at: int | None = fields.BigIntField(null=True)
    found = fields.IntField(db_default=0)
    """Of a check: how many counters were wrong."""
    words = fields.TextField(db_default="")
    """Of a check: the first of them."""

    class Meta:
        table = "night"
        unique_together = (("task", "channel", "day"),)
