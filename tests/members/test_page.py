"""docs/members.md says what the code does."""

from pathlib import Path

from ums.members.rights import MAY, Role

PAGE = (Path(__file__).parents[2] / "docs" / "members.md").read_text()


def test_the_table_of_rights_is_the_one_of_the_code() -> None:
    head = "| |" + "".join(f" {role.value} |" for role in Role)
    rows = [
        f"| {right.value} |" + "".join(" x |" if role in may else "  |" for role in Role) for right, may in MAY.items()
    ]

    assert "\n".join([head, "|---" * (len(Role) + 1) + "|", *rows]) in PAGE
