"""Story 1, config as code: load, validate, current, plan, apply."""

from dataclasses import replace
from pathlib import Path

from ums.reconcile.apply import Note, apply
from ums.reconcile.change import Change, Switched
from ums.reconcile.current import current, drift, generated_secret, latest, switched
from ums.reconcile.effects import perform
from ums.reconcile.export import Left, export
from ums.reconcile.history import Shown, Step, bodies_as_of, history, shown
from ums.reconcile.places import Places
from ums.reconcile.plan import DEFAULT, Live, Options, Plan, plan
from ums.reconcile.radius import with_radius
from ums.reconcile.ready import DatabaseUnreachable, SchemaMissing, never_ran, ready
from ums.reconcile.saved import open_plan, save
from ums.reconcile.selection import Selection
from ums.reconcile.touched import Touched
from ums.reconcile.validate import Checked, checked
from ums.settings import Settings
from ums.vocabulary import Clock, system_clock

__all__ = [
    "DEFAULT", "Change", "Checked", "DatabaseUnreachable", "Left", "Note", "Options", "Plan", "SchemaMissing",
    "Selection", "Shown", "Step", "Switched", "Touched", "apply_plan", "back_to", "checked", "drifted", "exported",
    "open_plan", "reconcile", "revision", "save", "secret", "told",
]  # fmt: skip


async def reconcile(
    settings: Settings, *, write: bool, options: Options = DEFAULT, note: Note | None = None, effects: bool = True
) -> Plan:
    """What makes the database say what the files say; with `write` it is done, and the plan's revision is live.

    Without `effects`, what it causes at providers is left to the workers.
    """
    declared = checked(settings.config)
    if never_ran(settings) and not write:
        made = plan(declared.bodies, Live(), options)
        return replace(made, warnings=tuple(declared.warnings), places=Places(declared.declared, settings))
    async with ready(settings, write=write):
        made = replace(await _planned(declared, options), places=Places(declared.declared, settings))
        if write:
            await apply(settings, made, note or Note(), force=options.force)
            if effects:
                await perform(settings, system_clock)
    return made


async def back_to(settings: Settings, number: int, options: Options = DEFAULT) -> Plan:
    """What makes everything as it was as of revision `number`; what came later is deleted unless it is protected."""
    async with ready(settings):
        return await _planned(Checked(await bodies_as_of(number)), replace(options, prune=True))


async def apply_plan(settings: Settings, made: Plan, options: Options = DEFAULT, note: Note | None = None) -> None:
    """Apply exactly that plan, whatever the files say by now; raises PlanStale when it is out of date."""
    async with ready(settings, write=True):
        await apply(settings, made, note or Note(), force=options.force)
        await perform(settings, system_clock)


async def drifted(settings: Settings) -> Plan:
    """What somebody changed behind the back of the latest revision, as a plan that changes nothing."""
    if never_ran(settings):
        return Plan(0)
    async with ready(settings):
        return Plan(await latest(), drift=tuple(await drift()), overrides=tuple(await switched()))


async def told(settings: Settings, limit: int) -> list[Step]:
    """The latest revisions, the newest first."""
    async with ready(settings):
        return await history(limit)


async def revision(settings: Settings, number: int) -> Shown:
    """What one revision changed; raises RevisionUnknown."""
    async with ready(settings):
        return await shown(number)


async def exported(settings: Settings, folder: Path) -> tuple[list[Path], list[Left]]:
    """Write what is live into an empty folder, as documents; the files, and what is left out."""
    async with ready(settings):
        live = await current()
    return export(live.bodies, folder)


async def secret(settings: Settings, kind: str, name: str, path: str) -> str:
    """A secret that UMS made for `kind`/`name`, for the operator."""
    async with ready(settings):
        return await generated_secret(settings, kind, name, path)


async def _planned(wanted: Checked, options: Options, clock: Clock = system_clock) -> Plan:
    live = await current()
    made = plan(wanted.bodies, live, options, wanted.moved)
    return replace(await with_radius(made, live, clock()), warnings=tuple(wanted.warnings))
