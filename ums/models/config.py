"""What the files decide, written by `ums.reconcile` alone, and what stands beside it while it is live."""

from typing import Any

from tortoise import fields
from tortoise.indexes import Index
from tortoise.models import Model

from ums.models.indexes import IndexWhere


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
    file = fields.CharField(500, default="", db_default="")
    """Where that revision declared it. Empty: it came from no file, or from a UMS that did not keep it."""
    lines: dict[str, int] | None = fields.JSONField(null=True)
    """By JSON path, in that file."""

    class Meta:
        table = "resource_version"
        unique_together = (("kind", "name", "revision"),)
        indexes = (Index(fields=("revision", "kind", "name"), name="resource_version_revision"),)


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


class Override(Model):
    """A declared value that was switched at run time: it holds until an apply ends it, and shows as drift."""

    id = fields.IntField(primary_key=True)
    kind = fields.CharField(40)
    name = fields.CharField(160)
    path = fields.CharField(200)
    """Where in the body, an item of a list by its name: `deliveryChannels.shopsms.enabled`."""
    value: Any = fields.JSONField()
    created_at = fields.BigIntField()
    author = fields.CharField(200, default="")

    class Meta:
        table = "override"
        unique_together = (("kind", "name", "path"),)


class Effect(Model):
    """Something to do outside the database because of a revision: after its commit, until it succeeds."""

    id = fields.IntField(primary_key=True)
    revision = fields.IntField()
    kind = fields.CharField(40)
    name = fields.CharField(160)
    what = fields.CharField(80)
    status = fields.CharField(20)
    attempts = fields.IntField(default=0)
    last_error = fields.TextField(default="")
    next_at: int | None = fields.BigIntField(null=True)
    """When to try (again). Null: nothing to do any more."""

    class Meta:
        table = "effect"
        indexes = (IndexWhere(fields=("next_at",), name="effect_due", where="next_at IS NOT NULL"),)


class WatchStatus(Model):
    """How the last round of `ums watch` ended: one row, with the id 1."""

    id = fields.IntField(primary_key=True, generated=False)
    status = fields.CharField(20)
    revision = fields.IntField(default=0)
    commit = fields.CharField(64, default="")
    message = fields.TextField(default="")
    checked_at = fields.BigIntField()

    class Meta:
        table = "watch_status"
