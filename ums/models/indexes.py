"""An index over only the rows that a condition keeps, the same on SQLite and PostgreSQL."""

from typing import Any

from tortoise.indexes import Index


class IndexWhere(Index):
    """`CREATE INDEX ... WHERE <where>`: Tortoise's own `PartialIndex` can only say `column = value`.

    SQLite uses such an index only for a query that repeats the condition to the letter.
    """

    def __init__(self, *, fields: tuple[str, ...] | list[str], name: str, where: str) -> None:
        super().__init__(fields=fields, name=name)
        self.where = where
        self.extra = f" WHERE {where}"

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        path, args, kwargs = super().deconstruct()
        return path, args, {**kwargs, "where": self.where}
