"""`ums up --sandbox`: the whole service by one command, with nothing set up."""

import asyncio

from tests.processes import installed
from ums.database import opened
from ums.models import Effect
from ums.settings import Settings


async def test_it_comes_up_without_a_complaint_and_its_worker_does_what_the_apply_caused(
    sqlite_settings: Settings,
) -> None:
    with installed(sqlite_settings) as ums:
        ums.start("up", "up", "--sandbox")
        await ums.ready()
        async with opened(ums.settings):
            while not await Effect.filter(kind="Signature", status="done").exists():
                await asyncio.sleep(0.2)
        exit_code = await ums.stops("up")

    assert "effect_failed" not in ums.told()
    assert exit_code == 0
