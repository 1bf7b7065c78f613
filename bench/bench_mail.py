"""E-mails through a real worker, accepted -> all taken by the mail server, against a bare loop of the same SMTP client.

    python bench/bench_mail.py [number of e-mails, 5,000 unless given]

Both hand each e-mail over on its own, over 8 connections that stay open, to a mail server that takes everything; the
bare loop fills an address into a mail that is made once. Three rounds in clear and three over STARTTLS, one after the
other; read the ratio (UMS's rate over the bare one, target: 0.8).
"""

import asyncio
import ssl
import sys
import tempfile
import time

import aiosmtplib
import trustme
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


async def bare(port: int, ca_file: str, number: int) -> float:
    """E-mails a second."""
    waiting = iter(range(1, number + 1))
    tls = ssl.create_default_context(cafile=ca_file) if ca_file else None

    async def lane() -> None:
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=bool(ca_file), tls_context=tls, timeout=30)
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


async def measure(shop: Application, port: int, ca_file: str, number: int) -> tuple[float, float]:
    before = taken(port)
    floor = await bare(port, ca_file, number)
    rate = await ums(shop, number)
    assert taken(port) - before == 2 * number, "every e-mail reaches the mail server once"
    return rate, floor


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    with tempfile.TemporaryDirectory(prefix="ums-bench-") as folder:
        certificate, ca_file = f"{folder}/server.pem", f"{folder}/ca.pem"
        ca = trustme.CA()
        ca.cert_pem.write_to_path(ca_file)
        ca.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
        compare(number, "", "")
        compare(number, certificate, ca_file)


def compare(number: int, certificate: str, ca_file: str) -> None:
    """In clear without a certificate."""
    with (
        smtp_sink(certificate) as port,
        installation(sandboxed=False, mail_port=port, ca_file=ca_file) as installed,
    ):
        asyncio.run(upload(installed, number, "email"))
        with worker(installed) as working, api(installed) as (settings, _):
            asyncio.run(rounds(settings, port, ca_file, number, working.pid))


async def rounds(settings: Settings, port: int, ca_file: str, number: int, pid: int) -> None:
    way = "STARTTLS" if ca_file else "in clear"
    async with application(settings) as shop:
        for _ in range(3):
            rate, floor = await measure(shop, port, ca_file, number)
            print(
                f"{number} e-mails {way}: ums {rate:.0f}/s, bare {floor:.0f}/s, ratio {rate / floor:.2f}, "
                f"worker {peak_mb(pid)} MB"
            )


if __name__ == "__main__":
    main()
