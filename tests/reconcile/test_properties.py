"""What holds for every installation: apply, export, import and rollback all end in an empty plan."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.reconcile.test_apply import letters
from tests.reconcile.test_export import plain
from ums.reconcile import Options, apply_plan, back_to, checked, exported, reconcile
from ums.reconcile.export import as_yaml
from ums.settings import Settings

EVERYTHING = Options(prune=True, force=True)
SECRET = {"env": "SECRET"}

Installation = list[dict[str, Any]]

extras = {"description": letters, "labels": st.dictionaries(letters.map("k".__add__), letters, max_size=2)}


@st.composite
def installations(draw: st.DrawFn) -> Installation:
    """Valid documents of several kinds that refer to each other."""
    documents = [draw(delivery_channels(code)) for code in ("app1", "app2", "mail", "sms")]
    for name in draw(st.sets(st.sampled_from(["shop", "ops", "web"]))):
        documents.append(draw(channels(name)))
        for own in draw(st.sets(st.sampled_from(["a", "b", "c"]))):
            documents += [draw(templates(name, own)), draw(policies(name, own))]
    return documents


def delivery_channels(code: str) -> st.SearchStrategy[dict[str, Any]]:
    platform, credentials = {
        "m": ("smtp", MAIL),
        "s": ("jsms", {"appKey": SECRET, "masterSecret": SECRET}),
        "a": ("jpush", {"appKey": SECRET, "masterSecret": SECRET}),
    }[code[0]]
    fixed = {"kind": "DeliveryChannel", "name": code, "platform": platform, "credentials": credentials}
    return documented(fixed, {})


MAIL = {
    "account": "a", "password": SECRET, "sender": "a@shop.example", "server": "smtp.shop.example", "port": 465,
    "encryption": "ssl",
}  # fmt: skip


def channels(name: str) -> st.SearchStrategy[dict[str, Any]]:
    # The policies below need what they send on; whether it is switched on is for the warnings.
    grant = st.booleans()
    grants = st.tuples(grant, grant, grant, grant).map(
        lambda switches: [
            code if enabled else {"name": code, "enabled": False}
            for code, enabled in zip(("app1", "app2", "mail", "sms"), switches, strict=True)
        ]
    )
    fixed = {"kind": "Channel", "name": name, "masterSecret": SECRET}
    return documented(fixed, {"retentionDays": st.integers(7, 60)}, deliveryChannels=grants)


def templates(channel: str, name: str) -> st.SearchStrategy[dict[str, Any]]:
    message = st.fixed_dictionaries({"msg_content": letters, "extras": st.dictionaries(letters, plain, max_size=3)})
    content = st.fixed_dictionaries({"app": st.fixed_dictionaries({"platform": st.just("all"), "message": message})})
    return documented({"kind": "Template", "channel": channel, "name": name}, {}, content=content)


def policies(channel: str, name: str) -> st.SearchStrategy[dict[str, Any]]:
    within = st.builds("{}{}".format, st.integers(1, 999_999), st.sampled_from("smh"))
    steps = within.map(
        lambda wait: [
            {"send": ["app1"]},
            {"send": ["sms"], "when": {"any": [{"notDelivered": "app1", "within": wait}]}},
        ]
    )
    return documented({"kind": "SendPolicy", "channel": channel, "name": name}, {}, steps=steps)


def documented(
    fixed: dict[str, Any], optional: dict[str, st.SearchStrategy[Any]], **drawn: st.SearchStrategy[Any]
) -> st.SearchStrategy[dict[str, Any]]:
    known = {"apiVersion": "ums/v1", **fixed}
    return st.fixed_dictionaries(
        {**{name: st.just(value) for name, value in known.items()}, **drawn}, optional={**extras, **optional}
    )


def written(folder: Path, documents: Installation) -> Path:
    """A folder with these documents and no others."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "it.yaml").write_text("---\n".join(map(as_yaml, documents)), encoding="utf-8")
    return folder


every_installation = hypothesis_settings(
    # Each step is a real database's: to shrink an example would take minutes.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@given(installations())
@every_installation
async def test_apply_then_plan_is_empty(settings: Settings, documents: Installation) -> None:
    written(settings.config, documents)

    await reconcile(settings, write=True, options=EVERYTHING)
    again = await reconcile(settings, write=False, options=EVERYTHING)

    assert (again.is_empty, again.unmanaged, again.drift) == (True, (), ())


@given(installations())
@every_installation
async def test_export_then_import_then_plan_is_empty(settings: Settings, documents: Installation) -> None:
    written(settings.config, documents)
    await reconcile(settings, write=True, options=EVERYTHING)
    out = settings.root / f"out-{uuid4().hex}"
    await exported(settings, out)
    written(settings.config, [])
    await reconcile(settings, write=True, options=EVERYTHING)

    await reconcile(replace(settings, config=out), write=True, options=EVERYTHING)
    written(settings.config, documents)
    again = await reconcile(settings, write=False, options=EVERYTHING)

    assert checked(out).bodies == checked(settings.config).bodies
    assert (again.is_empty, again.unmanaged) == (True, ())


@given(st.lists(installations(), min_size=1, max_size=3), st.data())
@every_installation
async def test_rollback_then_plan_against_that_revision_is_empty(
    settings: Settings, generations: list[Installation], data: st.DataObject
) -> None:
    numbers = []
    for documents in generations:
        written(settings.config, documents)
        numbers.append((await reconcile(settings, write=True, options=EVERYTHING)).revision)
    number, documents = data.draw(st.sampled_from(list(zip(numbers, generations, strict=True))))

    await apply_plan(settings, await back_to(settings, number), EVERYTHING)
    written(settings.config, documents)
    again = await reconcile(settings, write=False, options=EVERYTHING)

    assert (again.is_empty, again.unmanaged, again.drift) == (True, (), ())
