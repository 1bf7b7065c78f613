"""The doors beside GraphQL."""

import hashlib
from io import BytesIO

from tests.api.conftest import Api
from tests.api.conftest import api as api
from ums.models import Delivery, WatchStatus
from ums.vocabulary import State, system_clock

PUSH = """mutation { sendMessage(input: {
  audience: {addresses: [{type: APP, addresses: ["rid-1"]}]},
  body: {content: {app: {platform: "all", notification: {alert: "hello"}}}}}) { message { id } } }"""


async def test_health_says_that_the_process_answers_and_readiness_that_something_is_applied(api: Api) -> None:
    async with api.session.get(f"{api.url}/healthz") as alive, api.session.get(f"{api.url}/readyz") as ready:
        assert (alive.status, await alive.text()) == (200, "ok")
        assert (ready.status, await ready.json()) == (200, {"revision": 1})


async def test_jpush_posts_its_receipts_at_the_door(api: Api) -> None:
    await api.asks(PUSH)
    await api.works()
    (accepted,) = api.sandbox.record("jpush").accepted
    receipt = {"msg_id": accepted["msg_id"], "registration_id": "rid-1", "type": "clicked"}
    headers = {"authorization": "Basic YXBwLWtleTpzYW5kYm94LWFwcC1zZWNyZXQ="}  # app-key:sandbox-app-secret

    async with api.session.post(f"{api.url}/v1/app/callback", json=[receipt], headers=headers) as response:
        assert (response.status, await response.json()) == (200, {"received": 1})

    (delivery,) = await Delivery.all()
    assert delivery.state == State.CLICKED


async def test_a_receipt_with_wrong_credentials_is_turned_away(api: Api) -> None:
    headers = {"authorization": "Basic YXBwLWtleTpndWVzc2Vk"}

    async with api.session.post(f"{api.url}/v1/app/callback", json=[], headers=headers) as response:
        assert response.status == 401


async def test_jsms_is_heard_by_its_signature(api: Api) -> None:
    now = str(system_clock())
    signed = f"appKey=sms-key&appMasterSecret=sandbox-sms-secret&nonce=1&timestamp={now}"
    form = {
        "nonce": "1",
        "timestamp": now,
        "signature": hashlib.sha1(signed.encode()).hexdigest(),  # noqa: S324  # the provider's choice
        "type": "SMS_REPORT",
        "data": '{"msgId": "1", "phone": "13800000001", "status": 4001, "receiveTime": 1492150740292}',
    }

    async with api.session.post(f"{api.url}/v1/sms/callback", data=form) as response:
        assert (response.status, await response.json()) == (200, {"received": 1})
    async with api.session.post(f"{api.url}/v1/sms/callback", data={**form, "nonce": "3"}) as response:
        assert response.status == 401


async def test_the_check_of_a_door_is_answered(api: Api) -> None:
    async with api.session.get(f"{api.url}/v1/sms/callback?echostr=abcdefgh") as response:
        assert (response.status, await response.text()) == (200, "abcdefgh")


async def test_a_door_that_does_not_exist_and_a_report_too_large_are_refused(api: Api) -> None:
    async with api.session.post(f"{api.url}/v1/fax/callback") as response:
        assert response.status == 404
    async with api.session.post(f"{api.url}/v1/app/callback", data=BytesIO(b"x" * (4 * 1024 * 1024 + 1))) as response:
        assert response.status == 413


async def test_monitoring_sees_the_revision_and_how_the_last_watch_ended(api: Api) -> None:
    async with api.session.get(f"{api.url}/metrics") as response:
        assert "ums_config_revision 1.0" in await response.text()
    await WatchStatus.create(id=1, status="Invalid", revision=1, commit="", message="", checked_at=1_800_000_000_000)

    async with api.session.get(f"{api.url}/metrics") as response:
        lines = (await response.text()).splitlines()

    assert 'ums_watch_status{status="Invalid"} 1.0' in lines
    assert 'ums_watch_status{status="Synced"} 0.0' in lines
    assert "ums_watch_checked_seconds 1.8e+09" in lines
