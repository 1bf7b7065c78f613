"""The platforms that UMS can deliver through, found by name.

Every module or package here that holds a `Provider` is one; other packages add theirs with an entry point in the group
`ums.providers` that names the class. Nothing else needs to be edited.
"""

import importlib
import pkgutil
from functools import lru_cache
from importlib.metadata import entry_points

from ums.providers.contract import Provider


@lru_cache(maxsize=1)
def providers() -> dict[str, type[Provider]]:
    """All known platforms by name, our own first."""
    own = [importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
    classes = [value for module in own for value in vars(module).values() if _is_provider(value)]
    foreign = [entry.load() for entry in entry_points(group="ums.providers")]
    return {cls.platform: cls for cls in [*foreign, *classes]}


def _is_provider(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Provider) and hasattr(value, "platform")
