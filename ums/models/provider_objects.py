"""What providers keep for us, as far as is known, beside the documents that name it: see `ums.provider_objects`."""

from typing import Any

from tortoise import fields
from tortoise.models import Model


class ProviderObject(Model):
    """A template or a signature at a provider, whether or not a document declares it."""

    id = fields.IntField(primary_key=True)
    kind = fields.CharField(40)
    delivery_channel = fields.CharField(80)
    provider_id = fields.CharField(128)
    """The provider's own."""
    account = fields.CharField(64, default="")
    """`identity` of the account whose it was when it was last there; empty: it was never seen there."""
    state = fields.CharField(20)
    """See `vocabulary.ObjectState`."""
    review = fields.CharField(20, default="")
    """See `vocabulary.Review`; empty where nobody reviews, or nobody knows."""
    reason = fields.TextField(default="")
    """Why it is rejected, or invalid, or unknown."""
    title = fields.CharField(200, default="")
    text = fields.TextField(default="")
    said: dict[str, Any] = fields.JSONField()
    """What a document may say of it, in the document's words; empty until the provider was asked."""
    checked_at = fields.BigIntField()
    """When the provider last told of it; 0: it is to be asked."""
    changes = fields.IntField()
    """Rises with each change of the row, so that the others notice."""

    class Meta:
        table = "provider_object"
        unique_together = (("kind", "delivery_channel", "provider_id"),)


class Making(Model):
    """A document that has something made at a provider, and how far that is."""

    id = fields.IntField(primary_key=True)
    kind = fields.CharField(40)
    name = fields.CharField(160)
    """The document's identity, `channel/name`."""
    delivery_channel = fields.CharField(80)
    provider_id = fields.CharField(128, default="")
    """Empty: there is none yet."""
    asked = fields.CharField(64, default="")
    """What the provider was asked to make and did not answer, as a hash: it may be there."""
    busy_until = fields.BigIntField(default=0)
    """Somebody is at it, at the longest until then, ms."""
    problem = fields.TextField(default="")
    """Why the provider has not (yet) what the document says; empty when all is well."""
    changes = fields.IntField()
    """Rises with each change of the row, so that the others notice."""

    class Meta:
        table = "making"
        unique_together = (("kind", "name"),)
