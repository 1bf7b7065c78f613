"""What Members come with and what they did: written by `ums.members` alone."""

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model


class MemberToken(Model):
    """An API token of a Member, as its hash."""

    id = fields.IntField(primary_key=True)
    member = fields.CharField(80)
    """The login."""
    name = fields.CharField(80)
    hash = fields.CharField(64, unique=True)
    """SHA-256 of the text, hex."""
    created_at = fields.BigIntField()
    created_by = fields.CharField(200)
    expires_at = fields.BigIntField()
    used_at: int | None = fields.BigIntField(null=True)
    """The last time, to the minute."""

    class Meta:
        table = "member_token"
        unique_together = (("member", "name"),)


class AuditLogEntry(Model):
    """Something that a Member did, or tried to."""

    id = fields.BigIntField(primary_key=True)
    at = fields.BigIntField()
    who = fields.CharField(200)
    means = fields.CharField(100)
    channel = fields.CharField(80)
    what = fields.CharField(100)
    about = fields.TextField()
    """A JSON array of `word:value`."""
    problems = fields.TextField()
    """A JSON array of codes. Empty: it was done."""

    class Meta:
        table = "audit_log"
        indexes = (
            Index(fields=("channel", "id"), name="audit_log_channel"),
            Index(fields=("who", "id"), name="audit_log_who"),
            Index(fields=("at",), name="audit_log_at"),
        )


class SigningIn(Model):
    """A browser that was sent to the OpenID provider and has not come back: once, and within ten minutes."""

    id = fields.IntField(primary_key=True)
    hash = fields.CharField(64, unique=True)
    """SHA-256 of the state, hex."""
    nonce = fields.CharField(80)
    verifier = fields.CharField(80)
    """Of no use to anybody without the provider's code, and gone with the first that is brought."""
    place = fields.CharField(1000)
    expires_at = fields.BigIntField()

    class Meta:
        table = "signing_in"


class MemberSession(Model):
    """A browser in which a Member is signed in."""

    id = fields.IntField(primary_key=True)
    member = fields.CharField(80)
    hash = fields.CharField(64, unique=True)
    """SHA-256 of the cookie, hex."""
    created_at = fields.BigIntField()
    expires_at = fields.BigIntField()

    class Meta:
        table = "member_session"
