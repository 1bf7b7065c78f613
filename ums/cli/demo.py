"""`ums demo`: the main job end to end in a temporary folder, checked against what the providers themselves counted."""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import typer

from ums.cli import demo_script
from ums.cli.demo_account import heading, out, print_funnels, print_life, print_mail
from ums.cli.demo_everywhere import CHANNEL, everywhere
from ums.cli.demo_installation import Demo, DemoFailed
from ums.cli.folders import example
from ums.cli.supervise import PATIENCE, listening, start, stop
from ums.cli.terminal import app
from ums.reconcile import checked, reconcile
from ums.sandbox import free_address
from ums.settings import Settings, load_settings

WINDOW = "4s"

Story = Callable[[Demo], Awaitable[list[str]]]
"""Returns where the numbers are not what the script makes them."""


@app.command()
def demo(
    all_channels: bool = typer.Option(
        False, "--all-channels", help="Send one template through a DeliveryChannel of each platform instead."
    ),
    keep: bool = typer.Option(False, "--keep", help="Leave the folder with its database for a look."),
) -> None:
    """Apply the example, send to 333 people, let the policy fall back to SMS, and account for everything."""
    folder = Path(tempfile.mkdtemp(prefix="ums-demo-"))
    try:
        differences = asyncio.run(_demo(folder, *((CHANNEL, everywhere) if all_channels else ("shop", _story))))
    finally:
        if keep:
            out.print(f"everything is in {folder}")
        else:
            shutil.rmtree(folder)
    if differences:
        raise DemoFailed("\n".join(differences))
    out.print("\n[bold green]Every number is what the script of the sandbox makes it.[/]")


async def _demo(folder: Path, channel: str, story: Story) -> list[str]:
    settings = await _configured(folder)
    environ = {
        "UMS_FILE": str(folder / "ums.yaml"),
        "UMS_SANDBOX": settings.sandbox,
        "UMS_PUBLIC_URL": settings.public_url,
    }
    receipts = ["sandbox", "--address", settings.sandbox, "--receipts-to", settings.public_url]
    running = [await start(receipts, environ)]
    try:
        await asyncio.wait_for(listening(settings.sandbox), PATIENCE)
        running += [await start([name], environ) for name in ("api", "worker")]
        async with aiohttp.ClientSession() as session:
            return await story(Demo(settings, session, channel))
    finally:
        await asyncio.gather(*(stop(process) for process in running))


async def _configured(folder: Path) -> Settings:
    """A copy of the example on free ports, applied."""
    heading("1. What is declared")
    source = example()
    shutil.copy(source / "ums.yaml", folder)
    shutil.copytree(source / "config", folder / "config")
    shortened = folder / "config" / "policies" / "shop.yaml"
    shortened.write_text(shortened.read_text().replace("within: 5m", f"within: {WINDOW}"))
    out.print(f"the example, in {folder}; nobody wants to wait, so its policies fall back after {WINDOW} instead of 5m")
    address, door = free_address(), free_address()
    settings = replace(
        load_settings(folder / "ums.yaml", {}),
        sandbox=f"{address.host}:{address.port}",
        public_url=f"http://{door.host}:{door.port}",
    )
    out.print(f"ums validate: {len(checked(settings.config).bodies)} documents are valid")
    out.print(f"ums plan:\n{await reconcile(settings, write=False)}", markup=False)
    applied = await reconcile(settings, write=True, effects=False)  # the stand-ins do not answer yet
    out.print(f"ums apply: revision {applied.revision}")
    out.print(f"ums plan, again:\n{await reconcile(settings, write=False)}", markup=False)
    return settings


async def _story(demo: Demo) -> list[str]:
    await demo.ready()
    for platform, script in demo_script.SCRIPTS.items():
        await demo.plays(platform, script)

    heading("2. Who can be reached")
    await demo.knows(demo_script.people())

    heading("3. A message to a tag, app first, text message for whom it does not reach")
    variables = {"order": "10086", "url": "https://shop.example/o/10086"}
    template = {"template": {"name": "order-shipped", "variables": variables}}
    to_tag = {"audience": {"users": {"tags": [demo_script.TAG]}}, "body": template, "policy": "app-then-sms"}
    message = await demo.sends(to_tag)
    to_one = {"audience": {"users": {"userIds": ["u0003"]}}, "body": template, "deliveryChannels": ["shopmail"]}
    mail = await demo.sends(to_one | {"priority": "HIGH"})
    wanted = demo_script.expected()
    await demo.funnels(mail, {"users": {"sent": 1}})
    funnels = await demo.funnels(message, wanted)
    print_funnels(funnels)

    heading("4. The life of one target: silent app, then a text message")
    for life in (await demo.asks(_LIFE, id=message, target="u0027"))["lifecycle"]:
        print_life(life)

    heading("5. The e-mail that the mail server received")
    mails = (await demo.record("smtp"))["accepted"]
    print_mail(mails)

    return await _differences(demo, funnels, wanted)


async def _differences(demo: Demo, funnels: dict[str, Any], wanted: dict[str, dict[str, int]]) -> list[str]:
    """Where UMS's numbers, or those that the providers themselves counted, are not what the script makes them."""
    differences = [
        f"{name}: found {funnels.get(name)}, the script makes it {numbers}"
        for name, numbers in wanted.items()
        if funnels.get(name) != numbers
    ]
    for platform, number in (("jpush", wanted["shopapp1"]["sent"]), ("jsms", wanted["shopsms"]["sent"]), ("smtp", 1)):
        counted = (await demo.record(platform))["targets"]
        if counted != number:
            differences.append(f"{platform}: the provider itself counted {counted} targets, expected {number}")
    return differences


_LIFE = """
query ($id: ID!, $target: String!) { lifecycle(messageId: $id, target: $target) {
  target state
  progress { at what deliveryChannel address detail }
  log { startedAt tookMs deliveryChannel batch number targets verdict code providerId }
} }"""
