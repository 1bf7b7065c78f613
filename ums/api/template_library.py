"""WeChat's public template library: `publicTemplates`, `publicTemplateKeywords`, `pickProviderTemplate`."""

import strawberry

from ums.api.provider_templates import ProviderTemplateDocumentPayload, asked
from ums.api.words import Info, Problem
from ums.provider_templates import library
from ums.providers.wechat import templates


@strawberry.type(description="A title in WeChat's public library.")
class PublicTemplate:
    id: int
    title: str
    is_long_term: bool = strawberry.field(description="Else each consent of a person is good for one message.")

    @classmethod
    def of(cls, one: templates.PublicTemplate) -> "PublicTemplate":
        return cls(id=one.id, title=one.title, is_long_term=one.kind is templates.Kind.LONG_TERM)


@strawberry.type
class PublicTemplatesPayload:
    count: int | None = strawberry.field(description="Of the whole library; null when there are problems.")
    templates: list[PublicTemplate]
    problems: list[Problem]


@strawberry.type(description="Something that a template of this title may say.")
class PublicKeyword:
    id: int
    name: str
    example: str
    key: str = strawberry.field(description="Its name in a message's `data`.")

    @classmethod
    def of(cls, keyword: templates.Keyword) -> "PublicKeyword":
        return cls(id=keyword.id, name=keyword.name, example=keyword.example, key=keyword.key)


@strawberry.type
class PublicTemplateKeywordsPayload:
    keywords: list[PublicKeyword]
    problems: list[Problem]


@strawberry.type
class TemplateLibraryQuery:
    @strawberry.field(
        description="Titles of the categories that the account is in, at most 30 from the one numbered `start`. "
        "Each page is a call of the account's daily quota at WeChat, and so are the keywords of a title."
    )
    async def public_templates(
        self, info: Info, delivery_channel: str, start: int = 0, limit: int = templates.TITLES_AT_ONCE
    ) -> PublicTemplatesPayload:
        begin, most = max(0, start), min(max(1, limit), templates.TITLES_AT_ONCE)
        page, wrong = await asked(info, delivery_channel, lambda provider: library.titles(provider, begin, most))
        found = [PublicTemplate.of(one) for one in page.templates] if page else []
        return PublicTemplatesPayload(count=page.count if page else None, templates=found, problems=wrong)

    @strawberry.field(description="What may be picked of the public template of this id.")
    async def public_template_keywords(
        self, info: Info, delivery_channel: str, public_template: int
    ) -> PublicTemplateKeywordsPayload:
        found, wrong = await asked(info, delivery_channel, lambda provider: library.keywords(provider, public_template))
        return PublicTemplateKeywordsPayload(keywords=[PublicKeyword.of(one) for one in found or ()], problems=wrong)


@strawberry.type
class TemplateLibraryMutation:
    @strawberry.mutation(
        description="Make a template of the WeChat account: of 2 to 5 keywords of a public one, in this order. "
        "`scene` says in at most 15 characters what it is for."
    )
    async def pick_provider_template(
        self, info: Info, delivery_channel: str, public_template: int, keywords: list[int], scene: str
    ) -> ProviderTemplateDocumentPayload:
        owner, clock = info.context.channel["name"], info.context.engine.clock
        document, wrong = await asked(
            info,
            delivery_channel,
            lambda provider: library.pick(provider, owner, library.Choice(public_template, keywords, scene), clock),
        )
        return ProviderTemplateDocumentPayload(document=document, problems=wrong)
