"""What the demo prints of a message: its funnel, the life of one target, an e-mail as it arrived."""

import sys
from collections.abc import Sequence
from email import message_from_string, policy
from typing import Any

from rich.console import Console
from rich.table import Table

out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 100)

STEPS = ("planned", "effective", "sent", "delivered", "clicked")


def heading(text: str) -> None:
    out.print(f"\n[bold]{text}[/]")


def print_funnels(funnels: dict[str, Any]) -> None:
    table = Table("", *STEPS, title="Funnel", title_justify="left")
    for name, funnel in funnels.items():
        if name != "losses":
            table.add_row(name, *(str(funnel[step]) for step in STEPS))
    out.print(table)
    for loss in funnels["losses"]:
        who = loss["deliveryChannel"] or "users"
        out.print(f"lost: {loss['number']} of {who}, {loss['stage']}: {loss['reason']}")


def print_life(life: dict[str, Any]) -> None:
    out.print(f"{life['target']}: {life['state']}")
    for event in life["progress"]:
        where = " ".join(part for part in (event["deliveryChannel"], event["address"], event["detail"]) if part)
        out.print(f"  {event['at'][11:23]}  {event['what']:<10} {where}".rstrip(), markup=False)
    for attempt in life["log"]:
        said = f"{attempt['verdict']} {attempt['code']} id {attempt['providerId']}"
        sent = f"batch {attempt['batch']} attempt {attempt['number']}: {attempt['targets']} targets"
        out.print(
            f"  {attempt['startedAt'][11:23]}  call       {attempt['deliveryChannel']} {sent}, {said}", markup=False
        )


def print_mail(mails: Sequence[Any]) -> None:
    for received in mails:
        mail = message_from_string(received["raw"], policy=policy.default)
        out.print(f"over TLS: {received['tls']}, signed in as {received['user']}")
        for header in ("From", "To", "Subject", "Message-ID"):
            out.print(f"{header}: {mail[header]}", markup=False)
        body = mail.get_body(("plain",))
        out.print(body.get_content().strip() if body else "(no text)", markup=False)
