"""What platforms give out for a while, and to whom accounts' owners gave leave: the engine's, kept for all workers."""

from tortoise import fields
from tortoise.models import Model


class ProviderToken(Model):
    """A token of a DeliveryChannel's account at its platform, and who is fetching another."""

    id = fields.IntField(primary_key=True)
    delivery_channel = fields.CharField(80)
    """Or, with a colon in it, what several of them share."""
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


class Authorization(Model):
    """That the administrator of an account at WeChat authorized our third-party platform, and for what."""

    id = fields.IntField(primary_key=True)
    platform_id = fields.CharField(40)
    """The AppID of our platform."""
    account_id = fields.CharField(40)
    """The AppID of the account."""
    title = fields.CharField(200, db_default="")
    """As WeChat shows the account to people."""
    permissions = fields.CharField(400, db_default="")
    """The numbers of WeChat's permission sets that were granted, with commas."""
    since = fields.BigIntField()
    ended_at: int | None = fields.BigIntField(null=True)
    """When it was withdrawn; null: it is not."""

    class Meta:
        table = "account_authorization"
        unique_together = (("platform_id", "account_id"),)
