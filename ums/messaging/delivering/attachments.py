"""The files of a message, read once for all of its recipients in this process: materials, and what is behind URLs."""

import asyncio
import mimetypes
from collections.abc import Sequence
from contextlib import suppress
from email.message import Message as Headers
from urllib.parse import unquote, urlsplit

import aiohttp

from ums.errors import UmsError
from ums.messaging import materials
from ums.messaging.engine import Engine
from ums.messaging.way_out import Allowed, opened_way_out
from ums.providers.contract import Attachment

SECONDS = 30.0
"""For one file, all in all."""
MOST_REDIRECTS = 3
CHUNK = 256 * 1024
_REMEMBERED = 4
"""Messages whose files are kept in memory."""


class NotAttached(UmsError):
    """The sender must act; or nobody, when it may work `later`."""

    code = "attachment"

    def __init__(self, words: str, *, later: bool = False) -> None:
        self.words, self.later = words, later
        super().__init__(words)


async def attachments(engine: Engine, message_id: int, channel: str, urls: Sequence[str]) -> Sequence[Attachment]:
    """What these URLs name, in their order; raises NotAttached."""
    wanted = message_id, tuple(urls)  # a DeliveryChannel of another type may name others
    reading = engine.attached.get(wanted)
    if reading is None:
        reading = engine.attached[wanted] = asyncio.create_task(_read(engine, channel, urls))
        for oldest in list(engine.attached)[:-_REMEMBERED]:
            del engine.attached[oldest]
    try:
        return await asyncio.shield(reading)
    except NotAttached as missing:
        if missing.later:
            engine.attached.pop(wanted, None)
        raise


async def _read(engine: Engine, channel: str, urls: Sequence[str]) -> Sequence[Attachment]:
    found: list[Attachment] = []
    left = engine.settings.attachment_bytes
    for url in urls:
        found.append(await _file(engine, channel, url, left))
        left -= len(found[-1].content)
    if found:
        await asyncio.to_thread(lambda: [each.encoded for each in found])
    return found


async def _file(engine: Engine, channel: str, url: str, left: int) -> Attachment:
    """At most so many bytes."""
    if not (key := materials.key_of(engine.settings, url)):
        return await _fetched(engine, url, left)
    material = await materials.load(engine, channel, key)
    if material is None:
        raise NotAttached(f"the material {url} was never uploaded by this Channel, or its time is over")
    if len(material.content) > left:
        raise NotAttached(_too_large(engine, url))
    return Attachment(material.name, material.content_type, material.content)


async def _fetched(engine: Engine, url: str, left: int) -> Attachment:
    allowed = Allowed(engine.settings.private_attachments, "attachments.allowPrivate")
    try:
        async with (
            opened_way_out(allowed, SECONDS) as session,
            session.get(url, headers={"Accept-Encoding": "identity"}, max_redirects=MOST_REDIRECTS) as response,
        ):
            if response.status != 200:
                again = response.status >= 500 or response.status in {408, 425, 429}
                raise NotAttached(f"{url} answers HTTP {response.status}", later=again)
            return Attachment(_name(response), _type(response), await _content(engine, response, left))
    except TimeoutError as error:
        raise NotAttached(f"{url}: no answer within {SECONDS:g} seconds", later=True) from error
    except aiohttp.ClientConnectorError as error:
        # What is not allowed now may be when the operator has changed the setting, or the name its address.
        raise NotAttached(f"{url}: {error.os_error}", later=True) from error
    except aiohttp.InvalidURL as error:
        raise NotAttached(f"{url} is no http:// or https:// URL") from error
    except (aiohttp.ClientError, ValueError) as error:
        raise NotAttached(f"{url}: {type(error).__name__}", later=True) from error


async def _content(engine: Engine, response: aiohttp.ClientResponse, left: int) -> bytes:
    content = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK):
        content += chunk
        if len(content) > left:
            response.close()
            raise NotAttached(_too_large(engine, str(response.url)))
    return bytes(content)


def _too_large(engine: Engine, url: str) -> str:
    most = engine.settings.attachment_bytes // 1_000_000
    return f"with {url} the files of this message are more than {most} MB; attachments.maxMegabytes in ums.yaml allows"


def _name(response: aiohttp.ClientResponse) -> str:
    """As the server calls it, else as the URL ends."""
    headers = Headers()
    headers["Content-Disposition"] = response.headers.get("Content-Disposition", "").replace("\r", "").replace("\n", "")
    with suppress(ValueError, UnicodeError, LookupError):
        if said := headers.get_filename():
            return materials.named(said)
    return materials.named(unquote(urlsplit(str(response.url)).path))


def _type(response: aiohttp.ClientResponse) -> str:
    said = materials.typed(response.headers.get("Content-Type", ""))
    return said if said != materials.ANY_TYPE else materials.typed(mimetypes.guess_type(_name(response))[0] or "")
