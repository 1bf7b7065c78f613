"""Values that were right until something was put in their midst."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

PLACES = st.lists(st.integers(0, 20), max_size=6)
"""Where: a path that counts keys and items, round and round."""

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 70) | st.just(1.5) | st.sampled_from(["", "app", "shop 1", "x" * 70]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "id", "type"]), inner, max_size=2)
    ),
    max_leaves=4,
)


def replaced(value: Any, place: Sequence[int], new: Any) -> Any:
    """`value` with `new` somewhere inside."""
    if not place or not value or not isinstance(value, dict | list):
        return new
    if isinstance(value, list):
        at = place[0] % len(value)
        return [*value[:at], replaced(value[at], place[1:], new), *value[at + 1 :]]
    key = sorted(value)[place[0] % len(value)]
    return {**value, key: replaced(value[key], place[1:], new)}
