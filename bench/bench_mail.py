"""E-mails through a real worker, accepted -> all taken by the mail server, against a bare loop of the same SMTP client.

    python bench/bench_mail.py [number of e-mails, 5,000 unless given]

Both hand each e-mail over on its own, over 8 connections that stay open, to a mail server that takes everything; the
bare loop fills an address into a mail that is made once. Three rounds, one after the other; read the ratio (UMS's rate
over the bare one, target: 0.8).
"""

import asyncio
import sys
import time

import aiosmtplib
from application import MAIL, Application, application
from installation import SECRETS, api, installation, peak_mb, upload, worker
from smtp_sink import smtp_sink, taken

from ums.settings import Settings

CONNECTIONS = 8
SENDER = "shop@example.org"
BARE = (
    f"From: {SENDER}\r\nTo: %s\r\nMessage-ID: <%d.1@example.org>\r\nSubject: {MAIL['email']['subject']}\r\n"
    "Date: Thu, 01 Jan 2026 00:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
) + MAIL["email"]["text"].replace("\n", "\r\n")


async def bare(port: int, number: int) -> float:
    """E-mails a second."""
    waiting = iter(range(1, number + 1))

    async def lane() -> None:
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False, timeout=30)
        await client.connect()
        await client.auth_plain("shop", SECRETS["MAIL_SECRET"])
        for n in waiting:
            address = f"u{n}@people.example"
            await client.sendmail(SENDER, [address], BARE % (address, n))
        await client.quit()

    begun = time.perf_counter()
    async with asyncio.timeout(120):
        await asyncio.gather(*(lane() for _ in range(CONNECTIONS)))
    return number / (time.perf_counter() - begun)


async def ums(shop: Application, number: int) -> float:
    """E-mails a second."""
    begun = time.perf_counter()
    message = await shop.sends({"broadcast": True}, MAIL)
    return number / (await shop.ended(message) - begun)


async def measure(shop: Application, port: int, number: int) -> tuple[float, float]:
    before = taken(port)
    floor = await bare(port, number)
    rate = await ums(shop, number)
    assert taken(port) - before == 2 * number, "every e-mail reaches the mail server once"
    return rate, floor


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    with smtp_sink() as port, installation(sandboxed=False, mail_port=port) as installed:
        asyncio.run(upload(installed, number, "email"))
        with worker(installed) as working, api(installed) as (settings, _):
            asyncio.run(rounds(settings, port, number, working.pid))


async def rounds(settings: Settings, port: int, number: int, pid: int) -> None:
    async with application(settings) as shop:
        for _ in range(3):
            rate, floor = await measure(shop, port, number)
            print(
                f"{number} e-mails: ums {rate:.0f}/s, bare {floor:.0f}/s, ratio {rate / floor:.2f}, "
                f"worker {peak_mb(pid)} MB"
            )


if __name__ == "__main__":
    main()
