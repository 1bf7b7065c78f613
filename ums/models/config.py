"""What the files decide. Only `ums.reconcile.apply` writes these tables."""

from typing import Any

from tortoise import fields
from tortoise.models import Model


class Revision(Model):
    """One apply. `number` counts 1, 2, 3... and a second apply from the same base collides on it."""

    number = fields.IntField(primary_key=True, generated=False)
    created_at = fields.BigIntField()
    author = fields.CharField(200, default="")
    commit = fields.CharField(64, default="")
    message = fields.TextField(default="")
    summary: dict[str, Any] = fields.JSONField()
    """`{"create": n, "update": n, "delete": n}`"""

    class Meta:
        table = "revision"


class Resource(Model):
    """What is live now: one row per declared object, its canonical body and the revision that last changed it."""

    id = fields.IntField(primary_key=True)
    kind = fields.CharField(40)
    name = fields.CharField(160)
    """The identity: `name`, or `channel/name` for what a Channel owns."""
    body: dict[str, Any] = fields.JSONField()
    hash = fields.CharField(64)
    """SHA-256 of the canonical body, hex."""
    revision = fields.IntField()

    class Meta:
        table = "resource"
        unique_together = (("kind", "name"),)


class ResourceVersion(Model):
    """Append-only: what a Resource was from `revision` on. A null body says that it was deleted."""

    id = fields.IntField(primary_key=True)
    kind = fields.CharField(40)
    name = fields.CharField(160)
    revision = fields.IntField()
    body: dict[str, Any] | None = fields.JSONField(null=True)
    hash = fields.CharField(64, default="")

    class Meta:
        table = "resource_version"
        unique_together = (("kind", "name", "revision"),)


class StoredSecret(Model):
    """A secret that UMS made itself (`{generate: true}`), encrypted with the installation's secret key."""

    id = fields.IntField(primary_key=True)
    kind = fields.CharField(40)
    name = fields.CharField(160)
    path = fields.CharField(200)
    """Where in the body the reference stands, e.g. `masterSecret`."""
    ciphertext = fields.TextField()

    class Meta:
        table = "stored_secret"
        unique_together = (("kind", "name", "path"),)
