"""The tokens of providers, lent to the enterprise's own systems: whoever fetches another voids the one that is in use.

https://docs.jiguang.cn/jums/server/rest_api_jums_token
"""

from collections.abc import Mapping, Sequence

from ums.errors import CallerRefused, Problem
from ums.messaging.engine import Engine
from ums.providers.tokens import Token
from ums.snapshot import Body, Snapshot

LENT: Mapping[str, Sequence[str]] = {
    "wechatoa": ("wechatoa",),
    "wechatmp": ("wechatmp",),
    "dingtalkcc": ("dingtalk",),
    "wechatwk": ("wecom", "wecom-linked"),
}
"""The platforms behind each of the door's types."""


async def lend(engine: Engine, channel: Body, kind: str, code: str = "") -> Token:
    """The token of the DeliveryChannel of a type that this Channel may use, and its seconds left.

    `code` is needed where the Channel has several of them. Raises CallerRefused, ProviderRefused or ProviderBusy.
    """
    snapshot = await engine.snapshots.newest()
    provider = await engine.connections.get(snapshot, _chosen(snapshot, channel, kind, code))
    return await provider.lend()


def _chosen(snapshot: Snapshot, channel: Body, kind: str, code: str) -> str:
    if kind not in LENT:
        raise _refused("type", "illegal_type", f"found {kind!r}, expected one of {', '.join(LENT)}")
    declared = snapshot.all("DeliveryChannel")
    granted = [name for name in snapshot.granted(channel) if declared[name]["platform"] in LENT[kind]]
    wanted = [name for name in granted if code in {"", name}]
    usable = [name for name in wanted if declared[name]["credentials"].get("authorization") != "qr"]
    if not wanted:
        which = f"DeliveryChannel {code}" if code else "DeliveryChannel"
        raise _refused("deliveryChannel" if code else "type", "not_granted", f"no enabled {which} of {kind} here")
    if not usable:
        message = f"the account of {' and '.join(wanted)} authorized a third-party platform: fetch tokens of your own"
        raise _refused("type", "third_party", message)
    if len(usable) > 1:
        message = f"{len(usable)} DeliveryChannels are of {kind}; add deliveryChannel={' or '.join(usable)}"
        raise _refused("deliveryChannel", "ambiguous", message)
    return usable[0]


def _refused(path: str, code: str, message: str) -> CallerRefused:
    return CallerRefused([Problem(path=path, code=code, message=message)])
