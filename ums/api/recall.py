"""`recallMessage`."""

import strawberry

from ums.api.messages import Message
from ums.api.words import Info, Problem, number
from ums.errors import CallerRefused
from ums.messaging.after.recall import recall


@strawberry.type
class RecallMessagePayload:
    message: Message | None
    problems: list[Problem]


@strawberry.type
class RecallMutation:
    @strawberry.mutation(
        description="Within 24 hours: what was not sent never is, and providers are asked to take back what was; "
        "Message.recall tells what came of it."
    )
    async def recall_message(self, info: Info, id: strawberry.ID) -> RecallMessagePayload:  # noqa: A002  # GraphQL's own word
        try:
            message = await recall(info.context.engine, info.context.channel["name"], number(id))
        except CallerRefused as refused:
            return RecallMessagePayload(message=None, problems=[Problem.of(p) for p in refused.problems])
        return RecallMessagePayload(message=Message.of(message), problems=[])
