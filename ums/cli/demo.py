"""`ums demo`: the main job end to end in a temporary folder, checked against what the providers themselves counted."""

import asyncio
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import typer

from ums.cli import demo_script
from ums.cli.demo_account import heading, out, print_funnels, print_life, print_mail
from ums.cli.folders import example
from ums.cli.supervise import start, stop
from ums.cli.terminal import app
from ums.errors import UmsError
from ums.reconcile import checked, reconcile
from ums.sandbox import free_address
from ums.settings import SecretRef, Settings, load_settings

PATIENCE = 60.0
WINDOW = "4s"


class DemoFailed(UmsError):
    """The numbers are not what the script makes them, or a process did not come up."""


@app.command()
def demo(
    keep: bool = typer.Option(False, "--keep", help="Leave the folder with its database for a look."),
) -> None:
    """Apply the example, send to 333 people, let the policy fall back to SMS, and account for everything."""
    folder = Path(tempfile.mkdtemp(prefix="ums-demo-"))
    try:
        differences = asyncio.run(_demo(folder))
    finally:
        if keep:
            out.print(f"everything is in {folder}")
        else:
            shutil.rmtree(folder)
    if differences:
        raise DemoFailed("\n".join(differences))
    out.print("\n[bold green]Every number is what the script of the sandbox makes it.[/]")


async def _demo(folder: Path) -> list[str]:
    settings = await _configured(folder)
    environ = {
        "UMS_FILE": str(folder / "ums.yaml"),
        "UMS_SANDBOX": settings.sandbox,
        "UMS_PUBLIC_URL": settings.public_url,
    }
    receipts = ["sandbox", "--address", settings.sandbox, "--receipts-to", settings.public_url]
    running = [await start(arguments, environ) for arguments in (receipts, ["api"], ["worker"])]
    try:
        async with aiohttp.ClientSession() as session:
            return await _story(Demo(settings, session))
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
    applied = await reconcile(settings, write=True, note=None)
    out.print(f"ums apply: revision {applied.revision}")
    out.print(f"ums plan, again: {await reconcile(settings, write=False)}", markup=False)
    return settings


class Demo:
    """The running installation, as an application sees it."""

    def __init__(self, settings: Settings, session: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._session = session
        self._sandbox = f"http://{settings.sandbox}/_control"

    async def ready(self) -> None:
        """Both the API and the sandbox answer."""
        until = time.monotonic() + PATIENCE
        for url in (f"{self._settings.public_url}/readyz", f"{self._sandbox}/jpush/record"):
            while not await self._answers(url):
                if time.monotonic() > until:
                    raise DemoFailed(f"{url} did not answer within {PATIENCE:.0f} s")
                await asyncio.sleep(0.1)

    async def _answers(self, url: str) -> bool:
        try:
            async with self._session.get(url) as response:
                return response.status == 200
        except aiohttp.ClientConnectionError:
            return False

    async def asks(self, query: str, *, people: bool = False, **variables: Any) -> Any:
        """The data of a GraphQL request, as Channel `shop` or with the people key."""
        reference = SecretRef(env="UMS_PEOPLE_SECRET" if people else "SHOP_MASTER_SECRET")
        credentials = aiohttp.encode_basic_auth("people" if people else "shop", self._settings.resolve(reference))
        headers = {"authorization": credentials}
        url = f"{self._settings.public_url}/graphql"
        async with self._session.post(url, json={"query": query, "variables": variables}, headers=headers) as response:
            answer = await response.json()
        if answer.get("errors"):
            raise DemoFailed(f"GraphQL: {answer['errors']}")
        return answer["data"]

    async def plays(self, platform: str, script: dict[str, Any]) -> None:
        async with self._session.put(f"{self._sandbox}/{platform}/script", json=script) as response:
            response.raise_for_status()

    async def record(self, platform: str) -> Any:
        async with self._session.get(f"{self._sandbox}/{platform}/record") as response:
            return await response.json()


async def _story(demo: Demo) -> list[str]:
    await demo.ready()
    for platform, script in demo_script.SCRIPTS.items():
        await demo.plays(platform, script)

    heading("2. Who can be reached")
    everybody = list(demo_script.people())
    for start_at in range(0, len(everybody), 500):
        part = everybody[start_at : start_at + 500]
        uploaded = (await demo.asks(_UPSERT, people=True, users=part))["upsertUsers"]
        out.print(f"upsertUsers: {uploaded['written']} written, {len(uploaded['problems'])} problems")

    heading("3. A message to a tag, app first, text message for whom it does not reach")
    variables = {"order": "10086", "url": "https://shop.example/o/10086"}
    template = {"template": {"name": "order-shipped", "variables": variables}}
    to_tag = {"audience": {"users": {"tags": [demo_script.TAG]}}, "body": template, "policy": "app-then-sms"}
    message = await _sent(demo, to_tag)
    to_one = {"audience": {"users": {"userIds": ["u0003"]}}, "body": template, "deliveryChannels": ["shopmail"]}
    mail = await _sent(demo, to_one | {"priority": "HIGH"})
    wanted = demo_script.expected()
    await _until(demo, mail, {"users": {"sent": 1}})
    funnels = await _until(demo, message, wanted)
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


_UPSERT = "mutation ($users: [UserInput!]!) { upsertUsers(users: $users) { written problems { path message } } }"

_SEND = """
mutation ($input: SendMessageInput!) { sendMessage(input: $input) { message { id } problems { path message } } }"""

_FUNNELS = """
query ($id: ID!) { message(id: $id) {
  state
  users { planned effective sent delivered clicked }
  deliveryChannels { deliveryChannel funnel { planned effective sent delivered clicked } }
  losses { deliveryChannel stage reason number }
} }"""

_LIFE = """
query ($id: ID!, $target: String!) { lifecycle(messageId: $id, target: $target) {
  target state
  progress { at what deliveryChannel address detail }
  log { startedAt tookMs deliveryChannel batch number targets verdict code providerId }
} }"""


async def _sent(demo: Demo, given: dict[str, Any]) -> str:
    payload = (await demo.asks(_SEND, input=given))["sendMessage"]
    if payload["problems"]:
        raise DemoFailed(f"sendMessage: {payload['problems']}")
    message_id: str = payload["message"]["id"]
    out.print(f"sendMessage: message {message_id} accepted")
    return message_id


async def _until(demo: Demo, message_id: str, wanted: dict[str, dict[str, int]]) -> dict[str, Any]:
    """The funnels of a message, as soon as they are as wanted, or else as they are when patience ends."""
    until = time.monotonic() + PATIENCE
    while True:
        message = (await demo.asks(_FUNNELS, id=message_id))["message"]
        found = {"users": message["users"], "losses": message["losses"]}
        found |= {entry["deliveryChannel"]: entry["funnel"] for entry in message["deliveryChannels"]}
        is_there = all(found.get(name, {}).items() >= numbers.items() for name, numbers in wanted.items())
        if (is_there and message["state"] == "DONE") or time.monotonic() > until:
            return found
        await asyncio.sleep(0.2)
