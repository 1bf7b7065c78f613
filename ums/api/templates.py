"""`previewTemplate`: what a template would say."""

import strawberry
from strawberry.scalars import JSON

from ums.api.words import Info, Problem
from ums.messaging.sending.preview import preview


@strawberry.type
class TemplatePreview:
    content: JSON = strawberry.field(description="Rendered, by channel type; empty when a variable is wrong.")
    problems: list[Problem] = strawberry.field(description="Those that a send with these variables would have.")


@strawberry.type
class TemplatesQuery:
    @strawberry.field(
        description="What a template of the calling Channel would say. "
        "A variable without a value and a default takes its example."
    )
    async def preview_template(self, info: Info, name: str, variables: JSON | None = None) -> TemplatePreview:
        snapshot = await info.context.engine.snapshots.newest()
        found = preview(snapshot, info.context.channel, name, {} if variables is None else variables)
        problems = [Problem.of(problem) for problem in found.problems]
        return TemplatePreview(content=JSON(dict(found.content)), problems=problems)
