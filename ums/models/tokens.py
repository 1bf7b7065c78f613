"""What platforms give out for a while, kept for all workers: the engine's, written by `ums.messaging.tokens` alone."""

from tortoise import fields
from tortoise.models import Model


class ProviderToken(Model):
    """A token of a DeliveryChannel's account at its platform, and who is fetching another."""

    id = fields.IntField(primary_key=True)
    delivery_channel = fields.CharField(80)
    name = fields.CharField(80)
    """The provider's word for it: it may need several."""
    ciphertext = fields.TextField()
    """Encrypted with the installation's secret key. Empty: there is none yet."""
    expires_at = fields.BigIntField()
    """When to fetch another, a while before the platform stops taking this one."""
    lease_until = fields.BigIntField()
    lease_token = fields.CharField(32)

    class Meta:
        table = "provider_token"
        unique_together = (("delivery_channel", "name"),)
