"""Who else feels a change of a plan: a pure value that prints itself."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Touched:
    """Who else feels a change: its blast radius."""

    templates: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    scheduled: int = 0
    """Messages that wait for their time."""
    users: int = 0
    """People with an address there."""
    invalid: tuple[str, ...] = ()
    """What can no longer be used afterwards, and why."""

    def __str__(self) -> str:
        named = [_counted("template", self.templates), _counted("policy", self.policies)]
        numbers = [number_of("scheduled message", self.scheduled), number_of("user", self.users)]
        return ", ".join(filter(None, [*named, *numbers]))


def _counted(noun: str, names: tuple[str, ...]) -> str:
    return f"{number_of(noun, len(names))} ({', '.join(names[:3])}{', ...' if names[3:] else ''})" if names else ""


def number_of(noun: str, number: int) -> str:
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}es" if noun.endswith("ch") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}" if number else ""
