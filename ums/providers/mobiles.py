"""Mobile numbers in a batch whose answers or reports name their targets by number alone."""

import re
from collections.abc import Sequence

from ums.providers.contract import Outcome, Target
from ums.vocabulary import Reason, State


def numbered(targets: Sequence[Target], mainland: re.Pattern[str]) -> tuple[dict[str, Target], list[Outcome]]:
    """The targets by the number on the wire, and the outcomes of those that cannot be sent to.

    `mainland` matches a whole address and captures the eleven digits. A number stands in a batch once.
    """
    found: dict[str, Target] = {}
    unsendable = []
    for target in targets:
        number = mainland.fullmatch(target.address)
        if number is None:
            words = "not a mainland mobile number: 11 digits, or +86 and 11 digits"
            unsendable.append(Outcome(target.id, State.INVALID, Reason.INVALID_ADDRESS, words=words))
        elif found.setdefault(number[1], target) is not target:
            unsendable.append(Outcome(target.id, State.INVALID, Reason.DUPLICATE, words="twice in one batch"))
    return found, unsendable
