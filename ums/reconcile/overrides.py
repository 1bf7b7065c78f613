"""A runtime switch: a declared value that is overridden, for every process, until an apply ends that."""

import orjson

from ums.database import execute, transaction
from ums.errors import CallerRefused, Problem
from ums.models import Override, Resource
from ums.reconcile.change import value_at
from ums.schemas import did_you_mean

# The newest word counts, also of two that come at once.
_SWITCH = """
INSERT INTO override (kind, name, path, value, created_at, author) VALUES ('Channel', $1, $2, $3, $4, $5)
ON CONFLICT (kind, name, path)
DO UPDATE SET value = excluded.value, created_at = excluded.created_at, author = excluded.author"""


async def switch(channel: str, code: str, enabled: bool, *, author: str, now: int) -> None:
    """Let a Channel, by name, send through a DeliveryChannel that it was granted, or stop it.

    Back to what the files say is no override any more. Raises CallerRefused when there is no such grant.
    """
    path = f"deliveryChannels.{code}.enabled"
    async with transaction() as tx:
        resource = await Resource.get_or_none(kind="Channel", name=channel, using_db=tx)
        declared = value_at(resource.body, path) if resource else None
        if resource is None or declared is None:
            granted = [grant["name"] for grant in resource.body["deliveryChannels"]] if resource else []
            message = f"{code} is not granted to Channel {channel}{did_you_mean(code, granted)}"
            raise CallerRefused([Problem(path="deliveryChannel", code="not_granted", message=message)])
        if enabled == declared:
            await Override.filter(kind="Channel", name=channel, path=path).using_db(tx).delete()
        else:
            await execute(tx, _SWITCH, channel, path, orjson.dumps(enabled).decode(), now, author)
