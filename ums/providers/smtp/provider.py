"""E-mail through any SMTP server: https://www.rfc-editor.org/rfc/rfc5321"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import aiohttp
import aiosmtplib

from ums.errors import ProviderBusy, ProviderRefused
from ums.providers.contract import Account, Answer, Common, Outcome, Provider, Receipt, Submission, Target
from ums.providers.smtp.bounces import Seal
from ums.providers.smtp.dkim import Signer
from ums.providers.smtp.mailbox import EVERY, Mailbox
from ums.providers.smtp.mime import Sender, Skeleton, body, mailbox
from ums.providers.smtp.pool import Pool, Server
from ums.providers.smtp.replies import CLOSING, NO_ANSWER, Said, Step, outcome
from ums.vocabulary import ChannelType, Proof, Reason, State

DOT_SECONDS = 600.0
"""A short wait for the answer to the final dot makes duplicates: RFC 5321 section 4.5.3.2.6"""


class Smtp(Provider):
    """One message per recipient over a few connections that stay open.

    `delivered` means that the server took the message: it said 250 to the recipient and to the final dot. What comes
    back later is read from a mailbox, where one is declared.
    """

    platform = "smtp"
    type = ChannelType.EMAIL
    batch_limit = 100
    detects: ClassVar = {State.DELIVERED: Proof.ACCEPTED}
    personal = True
    attaches = True
    limits = "`connections` at once and `messagesPerConnection` on each; 4xx is tried again, 5xx is not"

    def __init__(self, account: Account, session: aiohttp.ClientSession) -> None:
        super().__init__(account, session)
        size = account.credentials.get("connections", 4)
        self._server = Server(account)
        self._pool = Pool(self._server, size, account.credentials.get("messagesPerConnection", 100))
        self._bounces = None if account.sandbox else account.credentials.get("bounces")
        self._seal = Seal(self._server.password) if self._bounces else None
        if self._bounces:
            self.collected_every = EVERY

    async def send(self, submission: Submission) -> Answer:
        """Raises only when no target got an outcome; what stops a batch half-way leaves the rest PLANNED."""
        try:
            sender = Sender.parse(self.account.credentials["sender"])
        except ValueError as error:
            raise ProviderRefused("sender", str(error)) from error
        try:
            skeleton = _skeleton(sender, submission.content, submission)
        except ValueError as error:
            words = str(error)
            return Answer(others=Common(State.REFUSED, Reason.CONTENT, words=words), words=words)
        marks = Marks(self._signer, self._seal)
        return await _Round(self._pool, sender, skeleton, submission, marks).answer()

    @classmethod
    def keeps_receipts(cls, credentials: Mapping[str, Any]) -> bool:
        return "bounces" in credentials

    async def collect(self) -> list[Receipt]:
        return await asyncio.to_thread(self._mailbox.collect) if self._mailbox else []

    @cached_property
    def _mailbox(self) -> Mailbox | None:
        """Raises ProviderRefused when the CA file cannot be read."""
        if not self._bounces or not self._seal:
            return None
        try:
            return Mailbox(self._bounces, self._server.trusting(), self._seal)
        except OSError as error:
            raise ProviderRefused("ca_file", f"caFile: {error}") from error

    @cached_property
    def _signer(self) -> Signer | None:
        """Raises ProviderRefused when the key is none."""
        declared = self.account.credentials.get("dkim")
        return Signer.of(declared, sandboxed=self.account.sandbox is not None) if declared else None

    async def close(self) -> None:
        await self._pool.close()


def _skeleton(sender: Sender, content: Mapping[str, Any], submission: Submission) -> Skeleton:
    if len(content.get("files", ())) != len(submission.files):
        raise ValueError("not every file is there")  # losing one silently would be worse
    written = body(content["text"], content.get("plain"), submission.files)
    return Skeleton(sender, content["subject"], written, submission.created_at)


MOST_COPIED = 64 * 1024


class Marks(NamedTuple):
    """What proves that a mail is ours."""

    signer: Signer | None
    """To everybody."""
    seal: Seal | None
    """To ourselves, when it comes back."""


@dataclass(frozen=True)
class _Mail:
    sender: str
    recipient: str
    pieces: Sequence[bytes]
    envelope_id: str = ""
    """By which a server that can is to name it when it fails; empty: no report is asked for."""

    @property
    def size(self) -> int:
        return sum(map(len, self.pieces))


class _Round:
    """One Submission on its way: as many lanes as there are connections take targets until none is left."""

    def __init__(self, pool: Pool, sender: Sender, skeleton: Skeleton, submission: Submission, marks: Marks) -> None:
        self._pool, self._sender, self._submission = pool, sender, submission
        self._skeleton, self._marks = skeleton, marks
        self._targets = submission.targets
        # The same for every repeat, so that receivers can recognise a second copy by its Message-ID.
        self._stamp = submission.key or str(submission.created_at)
        self._waiting = iter(submission.targets)
        self._outcomes: dict[int, Outcome] = {}
        self._stop: ProviderBusy | ProviderRefused | None = None

    async def answer(self) -> Answer:
        async with asyncio.TaskGroup() as lanes:
            for _ in range(min(self._pool.size, len(self._targets))):
                lanes.create_task(self._lane())
        if self._stop is None:
            return Answer(list(self._outcomes.values()))
        if not self._outcomes:
            raise self._stop
        code, words = self._stop.code, self._stop.message
        return Answer(list(self._outcomes.values()), Common(State.PLANNED, None, code, words), code=code, words=words)

    async def _lane(self) -> None:
        for target in self._waiting:
            if self._stop:
                return
            try:
                self._outcomes[target.id] = await self._deliver(target)
            except (ProviderBusy, ProviderRefused) as stop:
                self._stop = stop

    async def _deliver(self, target: Target) -> Outcome:
        try:
            recipient = mailbox(target.address)
        except ValueError as error:
            return Outcome(target.id, State.INVALID, Reason.INVALID_ADDRESS, words=str(error))
        content, seal = self._submission.content_of(target), self._marks.seal
        written = self._written(content)
        unique = seal.id(target.id, self._stamp) if seal else f"{target.id}.{self._stamp}"
        headers = written.headers(recipient, unique, content.get("unsubscribe", ""))
        if signer := self._marks.signer:
            headers = signer.signature(headers, written.body_hash, written.created_at) + headers
        pieces = (headers, b"\r\n", *written.body.pieces)
        said = await self._said(_Mail(self._sender.address, recipient, pieces, unique if seal else ""))
        found = outcome(target.id, said)
        # By its own id, because that is what comes back when the mail does.
        return found._replace(provider_id=unique) if seal and _taken(found) else found

    def _written(self, content: Mapping[str, Any]) -> Skeleton:
        """The message but for whom it goes to; its own where its links are its own."""
        if content["text"] is self._submission.content["text"]:
            return self._skeleton
        return _skeleton(self._sender, content, self._submission)

    async def _said(self, mail: _Mail) -> Said:
        """A server may end a conversation between messages at any time: that is worth one new connection."""
        async with self._pool.connection() as connection:
            connection.messages += 1
            said = await converse(connection.client, mail)
        if not said.is_farewell:
            return said
        async with self._pool.connection(fresh=True) as connection:
            connection.messages += 1
            return await converse(connection.client, mail)


def _taken(found: Outcome) -> bool:
    """Perhaps at least."""
    return found.state in {State.DELIVERED, State.UNKNOWN}


async def converse(client: aiosmtplib.SMTP, mail: _Mail) -> Said:
    """Hand over one message. The client is closed when nobody can know what the server expects next."""
    if too_large := _too_large(client, mail):
        return too_large
    size = [b"SIZE=%d" % mail.size] if client.supports_extension("size") else []
    # https://www.rfc-editor.org/rfc/rfc3461
    reported = mail.envelope_id and client.supports_extension("dsn")
    named = [b"RET=HDRS", f"ENVID={mail.envelope_id}".encode()] if reported else []
    commands = (
        (Step.MAIL, [b"MAIL", f"FROM:<{mail.sender}>".encode(), *size, *named], {250}),
        (
            Step.RCPT,
            [b"RCPT", f"TO:<{mail.recipient}>".encode(), *([b"NOTIFY=FAILURE"] if reported else [])],
            {250, 251},
        ),
        (Step.DATA, [b"DATA"], {354}),
    )
    for step, command, expected in commands:
        said = await _command(client, step, command)
        if said.code not in expected:
            await _forget(client, said)
            return said
    return await _content(client, mail.pieces)


def _too_large(client: aiosmtplib.SMTP, mail: _Mail) -> Said | None:
    """https://www.rfc-editor.org/rfc/rfc1870 - no number, or 0, means that the server sets no limit."""
    limit = client.esmtp_extensions.get("size", "")
    if not limit.isdecimal() or not 0 < int(limit) < mail.size:
        return None
    return Said(Step.MAIL, 552, f"5.3.4 {mail.size} bytes, the server takes {limit}")


def _together(pieces: Sequence[bytes]) -> Sequence[bytes]:
    """In one go, unless that would copy much."""
    return (b"".join(pieces),) if sum(map(len, pieces)) <= MOST_COPIED else pieces


async def _command(client: aiosmtplib.SMTP, step: Step, command: list[bytes]) -> Said:
    try:
        response = await client.execute_command(*command)
    except (aiosmtplib.SMTPException, OSError) as error:
        client.close()
        return Said(step, NO_ANSWER, f"no answer to {step.value}: {error}")
    return Said(step, response.code, response.message)


async def _forget(client: aiosmtplib.SMTP, said: Said) -> None:
    """Make the server forget a refused recipient, or its envelope would stand in the way of the next message."""
    if client.is_connected and said.step is not Step.MAIL:
        reset = await _command(client, said.step, [b"RSET"])
        if reset.code != 250:
            client.close()


async def _content(client: aiosmtplib.SMTP, pieces: Sequence[bytes]) -> Said:
    """After the 354. Once a byte is written, a lost connection means that the message may have been taken.

    No line of ours begins with a dot (headers, boundaries and base64 never do), so none has to be doubled.
    """
    protocol = client.protocol
    if protocol is None:
        return Said(Step.DATA, NO_ANSWER, "connection lost after DATA")
    try:
        for piece in _together((*pieces, b".\r\n")):
            protocol.write(piece)
    except aiosmtplib.SMTPServerDisconnected as error:
        return Said(Step.DATA, NO_ANSWER, f"connection lost after DATA: {error}")
    try:
        response = await protocol.read_response(timeout=DOT_SECONDS)
    except (aiosmtplib.SMTPException, OSError) as error:
        client.close()
        return Said(Step.DOT, NO_ANSWER, f"no answer to {Step.DOT.value}: {error}")
    if response.code == CLOSING:
        client.close()
    return Said(Step.DOT, response.code, response.message)
