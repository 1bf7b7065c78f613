"""A shop that sends: the real engine on a real database, the sandbox as its providers, and a clock in our hands."""

import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from ums.database import connection, fetch
from ums.messaging.delivering.drain import drain, is_due
from ums.messaging.delivering.receipts import apply
from ums.messaging.engine import Engine, running
from ums.messaging.reading.history import Numbers, numbers
from ums.messaging.sending.request import SendRequest
from ums.messaging.sending.send import send
from ums.models import Message
from ums.people.users import Bindings, Scope, Upload, upsert
from ums.providers.contract import Receipt
from ums.reconcile import reconcile
from ums.sandbox import Sandbox, free_address, sandbox
from ums.sandbox.script import Script
from ums.settings import SecretRef, Settings
from ums.vocabulary import ChannelType, Priority, SandboxAddress, State

SECOND, MINUTE = 1000, 60_000
APP = {"platform": "all", "notification": {"alert": "hello"}}


class Time:
    """A clock that moves when it is told to."""

    def __init__(self, now: int = 1_800_000_000_000) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def passes(self, ms: int) -> None:
        self.now += ms


@dataclass(frozen=True)
class Shop:
    engine: Engine
    sandbox: Sandbox
    time: Time

    async def knows(self, *people: Upload) -> None:
        snapshot = await self.engine.snapshots.newest()
        keys = frozenset(body["key"] for body in snapshot.all("Channel").values())
        scope = Scope(keys, frozenset(snapshot.all("DeliveryChannel")))
        written, problems = await upsert(people, scope, self.time())
        assert (written, problems) == (len(people), [])

    async def sends(self, audience: Mapping[str, Any], channel_key: str = "shop", /, **options: Any) -> Message:
        """Content for the app unless said otherwise."""
        channel = (await self.engine.snapshots.newest()).channel(channel_key)
        assert channel is not None
        if "template" not in options:
            options = {"content": {"app": APP}, **options}
        return await send(self.engine, channel, SendRequest(audience=audience, **options))

    async def works(self) -> None:
        """A worker does all that is due now."""
        for lane in Priority:
            while await is_due(self.engine, lane):
                await drain(self.engine, lane)

    def plays(self, platform: str, **script: Any) -> None:
        self.sandbox.play(platform, Script.parse(script))

    async def hears(self, message: Message, state: State, *addresses: str, code: str = "app") -> None:
        """A receipt for each address comes in now."""
        rows = await fetch(connection(), _PROVIDER_IDS, message.id, code)
        ids = {row["address"]: row["provider_id"] for row in rows}
        await apply(self.engine, code, [Receipt(ids[a], a, state, self.time()) for a in addresses])

    async def numbers(self, message: Message) -> Numbers:
        return (await numbers([message.id]))[message.id]

    async def states(self, message: Message) -> dict[str, State]:
        """Where each recipient stands, by target."""
        rows = await fetch(connection(), "SELECT target, state FROM recipient WHERE message_id = $1", message.id)
        return {row["target"]: State(row["state"]) for row in rows}

    async def deliveries(self, message: Message) -> list[tuple[str, str, State]]:
        """(DeliveryChannel, address, state) of each."""
        rows = await fetch(connection(), _DELIVERIES, message.id << 32, (message.id + 1) << 32)
        return [(row["delivery_channel"], row["address"], State(row["state"])) for row in rows]


_DELIVERIES = "SELECT delivery_channel, address, state FROM delivery WHERE id > $1 AND id < $2 ORDER BY id"

_PROVIDER_IDS = """
SELECT d.address, coalesce(d.provider_id, a.provider_id) AS provider_id FROM batch b
JOIN delivery d ON d.id BETWEEN b.first_id AND b.last_id JOIN attempt a ON a.batch_id = b.id
WHERE b.message_id = $1 AND b.delivery_channel = $2 ORDER BY a.id"""


def person(
    name: str, *, app: Sequence[str] = (), phone: str = "", mail: str = "", staff: str = "", tags: Sequence[str] = ()
) -> Upload:
    """Somebody, reachable as given; the app by the DeliveryChannel `app`, the rest for all."""
    addresses: list[tuple[ChannelType, str, Sequence[str]]] = []
    addresses += [(ChannelType.APP, "app", app)] if app else []
    addresses += [(ChannelType.SMS, "all", [phone])] if phone else []
    addresses += [(ChannelType.EMAIL, "all", [mail])] if mail else []
    addresses += [(ChannelType.DINGTALK, "all", [staff])] if staff else []
    return Upload(name, set=Bindings((("all", tags),) if tags else (), tuple(addresses)))


def open_shop(settings: Settings) -> Settings:
    """Put the shop's declarations into the installation, and point it at a sandbox on free ports."""
    settings.config.mkdir()
    shutil.copy(Path(__file__).with_name("shop.yaml"), settings.config)
    address = free_address()
    return replace(
        settings,
        sandbox=f"{address.host}:{address.port}",
        people_key="people",
        people_secret=SecretRef(env="PEOPLE_SECRET"),
    )


@pytest.fixture
def more_declared() -> str:
    """Documents that a test module wants beside the shop's own."""
    return ""


@pytest.fixture
async def shop(settings: Settings, more_declared: str) -> AsyncIterator[Shop]:
    settings, time = open_shop(settings), Time()
    (settings.config / "more.yaml").write_text(more_declared)
    await reconcile(settings, write=True)
    address = SandboxAddress.parse(settings.sandbox)
    async with sandbox(address, "http://127.0.0.1:9") as stand_ins, running(settings, time) as engine:
        yield Shop(engine, stand_ins, time)
