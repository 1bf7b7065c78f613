"""What JSMS posts: reports of messages, what people wrote back, and what its reviewers decided: https://docs.jiguang.cn/jsms/server/callback"""

import hashlib
import secrets
import time
from collections.abc import Sequence
from functools import partial
from typing import Any
from urllib.parse import urlencode

import orjson

from ums.sandbox.jsms import templates
from ums.sandbox.postman import Letter, Postman, Receipt
from ums.sandbox.record import Record
from ums.sandbox.stage import Credentials, Stage

HEADERS = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}
TEMPLATE, SIGN = "SMS_TEMPLATE", "SMS_SIGN"


class Callbacks:
    """Of every application; each post bears one report, reply or review, signed."""

    def __init__(self, stage: Stage, reviewer: "templates.Reviewer") -> None:
        self._stage, self._reviewer = stage, reviewer
        self._reports = Postman(stage.session, stage.record, partial(self._seal, "SMS_REPORT"))
        # Neither is a receipt: whoever counts those does not count these.
        self._replies = Postman(stage.session, Record(), partial(self._seal, "SMS_REPLY"))
        self._reviews = Postman(stage.session, Record(), self._seal_review)

    def report(self, after: float, account: Credentials, report: Receipt) -> None:
        """Post it so many seconds from now."""
        self._reports.later(after, account, [report])

    def reply(self, after: float, account: Credentials, mobile: str, words: str) -> None:
        """Post that this number wrote back, so many seconds from now."""
        at = int((time.time() + after) * 1000)
        self._replies.later(after, account, [{"phone": mobile, "replyTime": at, "content": words}])

    def review(self, kind: str, number: int, account: Credentials) -> None:
        """Post what the reviewer says of this template or signature, when he does."""
        self._reviews.later(templates.REVIEW_SECONDS, account, [{"kind": kind, "id": number}])

    async def close(self) -> None:
        await self._reports.close()
        await self._replies.close()
        await self._reviews.close()

    def _seal_review(self, account: Credentials, reviews: Sequence[Receipt]) -> Letter:
        kind, number = reviews[0]["kind"], reviews[0]["id"]
        status, reason = self._reviewer.decision(number)
        name = "tempId" if kind == TEMPLATE else "signId"
        return self._seal(kind, account, [{name: number, "status": status, "refuseReason": reason}])

    def _seal(self, kind: str, account: Credentials, told: Sequence[Receipt]) -> Letter:
        nonce, timestamp = secrets.randbits(64) - 2**63, int(time.time() * 1000)
        key, secret = account
        signed = f"appKey={key}&appMasterSecret={secret}&nonce={nonce}&timestamp={timestamp}"
        form: dict[str, Any] = {
            "nonce": nonce,
            "timestamp": timestamp,
            "signature": hashlib.sha1(signed.encode()).hexdigest(),  # noqa: S324 - the provider's choice
            "type": kind,
            "data": orjson.dumps(told[0]).decode(),
        }
        return Letter(f"{self._stage.receipts_to}/v1/sms/callback", HEADERS, urlencode(form).encode())
