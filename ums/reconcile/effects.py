"""What an apply causes outside the database: intended in its transaction, done after its commit, until it succeeds.

An effect may run twice (a process may die between doing it and saying so), so it asks first what is there already.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from ums.errors import UmsError
from ums.models import Effect, ResourceVersion
from ums.reconcile.change import Change
from ums.reconcile.kinds import Body
from ums.reconcile.plan import Plan
from ums.settings import Settings
from ums.vocabulary import Clock

log = structlog.get_logger()

PENDING, DONE, FAILED = "pending", "done", "failed"
MOST_ATTEMPTS = 12
"""Then it has failed, and somebody has to look: with the pauses below that is most of a day."""
WAITING = 5 * 60_000
"""ms between two looks at an effect that waits for something."""
_FIRST_PAUSE, _LONGEST_PAUSE = 5_000, 2 * 3_600_000
_LEASE = 60_000  # ms that another process leaves an effect alone that somebody is doing


class EffectStuck(UmsError):
    """The operator must act: trying again is of no use, and the message says what is."""


class EffectWaits(UmsError):
    """Nobody must act: it is done when something else is over, however long that takes."""


Do = Callable[[Settings, Clock, str, Body | None], Awaitable[None]]
"""Given the name and the body that the effect's revision wrote; raises UmsError or OSError to be tried again."""


@dataclass(frozen=True)
class Caused:
    """One kind of effect."""

    what: str
    kind: str
    do: Do
    when: Callable[[Change], bool] = lambda _: True


EFFECTS: dict[str, Caused] = {}
"""By `what`. Whoever brings one registers it here."""


async def intend(plan: Plan, now: int) -> None:
    """Write down what `plan` causes; inside the transaction that applies it."""
    for change in plan.changes:
        for caused in EFFECTS.values():
            if caused.kind == change.kind and caused.when(change):
                await _supersede(change, caused.what, plan.revision)
                await Effect.create(
                    revision=plan.revision, kind=change.kind, name=change.name, what=caused.what,
                    status=PENDING, next_at=now,
                )  # fmt: skip


async def perform(settings: Settings, clock: Clock) -> int:
    """Do what is due; the number of effects that are still to be done."""
    due = Effect.filter(status=PENDING, next_at__not_isnull=True, next_at__lte=clock())
    for effect in await due.order_by("id"):
        if effect.what in EFFECTS and await _claim(effect, clock()):
            await _perform(settings, effect, clock)
    return await Effect.filter(status=PENDING).count()


async def _supersede(change: Change, what: str, revision: int) -> None:
    older = Effect.filter(kind=change.kind, name=change.old_key[1], what=what, status=PENDING)
    await older.update(status=FAILED, next_at=None, last_error=f"revision {revision} came first")


async def _claim(effect: Effect, now: int) -> bool:
    mine = Effect.filter(id=effect.id, status=PENDING, next_at=effect.next_at)
    return bool(await mine.update(next_at=now + _LEASE))


async def _perform(settings: Settings, effect: Effect, clock: Clock) -> None:
    written = await ResourceVersion.get(kind=effect.kind, name=effect.name, revision=effect.revision)
    attempts = effect.attempts + 1
    try:
        await EFFECTS[effect.what].do(settings, clock, effect.name, written.body)
    except EffectWaits as waits:
        await _failed(effect, effect.attempts, str(waits), clock() + WAITING)
    except (UmsError, OSError) as error:
        over = attempts >= MOST_ATTEMPTS or isinstance(error, EffectStuck)
        await _failed(effect, attempts, str(error), None if over else clock() + _pause(attempts))
    else:
        mine = Effect.filter(id=effect.id, status=PENDING)
        await mine.update(status=DONE, attempts=attempts, last_error="", next_at=None)


async def redo(kind: str, name: str, now: int) -> int:
    """Do the newest effects of an object once more, whatever became of them; how many there are."""
    newest = await Effect.filter(kind=kind, name=name).order_by("-revision").first()
    if newest is None:
        return 0
    again = Effect.filter(kind=kind, name=name, revision=newest.revision)
    return int(await again.update(status=PENDING, attempts=0, next_at=now))


def _pause(attempts: int) -> int:
    return min(_FIRST_PAUSE << (attempts - 1), _LONGEST_PAUSE)


async def _failed(effect: Effect, attempts: int, error: str, next_at: int | None) -> None:
    """This time, or for good when it is not to be tried again."""
    log.warning("effect_failed", what=effect.what, kind=effect.kind, name=effect.name, attempts=attempts, error=error)
    await Effect.filter(id=effect.id, status=PENDING).update(
        status=PENDING if next_at else FAILED, attempts=attempts, last_error=error, next_at=next_at
    )
