"""JPush: every field that the reference gives a push goes out as it is written, and the schema takes it.

https://docs.jiguang.cn/jpush/server/push/rest_api_v3_push
"""

from typing import Any

import pytest

from tests.providers.conftest import Doors, body
from tests.providers.test_jpush import push as push
from tests.providers.test_jpush import submission
from ums.providers.jpush.public import Jpush
from ums.schemas import check

ANDROID = {
    "alert": "Hello", "title": "Shop", "builder_id": 3, "channel_id": "orders", "category": "ORDER", "priority": 1,
    "style": 1, "alert_type": 7, "big_text": "At length", "inbox": {"1": "first"}, "big_pic_path": "https://a.example",
    "large_icon": "https://a.example/l", "small_icon_uri": "https://a.example/s", "icon_bg_color": "#0A0B0C",
    "intent": {"url": "intent:#Intent;component=shop/.Main;end"}, "uri_activity": "shop.Main", "uri_action": "main",
    "badge_add_num": 1, "badge_set_num": 5, "badge_class": "shop.Main", "sound": "ding",
    "show_begin_time": "2026-10-01 08:00:00", "show_end_time": "2026-10-01 20:00:00", "display_foreground": "1",
    "extras": {"order": "7"},
}  # fmt: skip
IOS = {
    "alert": {"title": "Shop", "body": "Hello"}, "sound": {"critical": 1, "name": "ding.caf", "volume": 0.5},
    "badge": "+1", "content-available": True, "mutable-content": True, "category": "ORDER", "thread-id": "orders",
    "interruption-level": "time-sensitive", "extras": {"order": "7"},
}  # fmt: skip
HMOS = {
    "alert": "Hello", "title": "Shop", "category": "IM", "large_icon": "https://a.example/l",
    "intent": {"url": "action.system.home"}, "badge_add_num": 1, "badge_set_num": 5, "test_message": True,
    "receipt_id": "r1", "style": 2, "inbox": {"1": "first"}, "push_type": 2, "extra_data": "spoken",
    "display_foreground": "0", "sound": "d.mp3", "sound_duration": 10, "hm_payload": {"a": 1},
    "extras": {"order": "7"},
}  # fmt: skip
QUICKAPP = {"alert": "Hello", "title": "Shop", "page": "/orders", "extras": {"order": "7"}}
OPTIONS = {
    "sendno": 18, "time_to_live": 60, "override_msg_id": 1828256757, "apns_production": False,
    "apns_collapse_id": "orders", "big_push_duration": 10, "classification": 1, "target_event": ["jg_app_show"],
    "test_message": True, "receipt_id": "r1", "test_model": True, "active_push": True, "need_backup": True,
    "business_operation_code": "autumn", "notification_3rd_ver": "v2",
    "third_party_channel": {
        "xiaomi": {"distribution": "first_ospush", "channel_id": "1", "skip_quota": True},
        "huawei": {"importance": "NORMAL", "category": "IM", "urgency": "HIGH"},
        "vivo": {"classification": 1, "push_mode": 0}, "oppo": {"notify_level": 16},
    },
}  # fmt: skip
NOTIFICATION = {
    "alert": "Hello",
    "android": ANDROID,
    "ios": IOS,
    "hmos": HMOS,
    "quickapp": QUICKAPP,
}
MESSAGE = {"msg_content": "for the app", "title": "Shop", "content_type": "order", "extras": {"order": "7"}}


@pytest.mark.parametrize(
    "content",
    [
        {"platform": "all", "notification": NOTIFICATION, "message": MESSAGE, "options": OPTIONS},
        {"platform": ["android", "ios", "hmos", "quickapp"], "notification": {"alert": "Hello"}}
        | {"inapp_message": {"inapp_message": True}, "options": {"apns_production": True}},
        {
            "platform": ["android"],
            "message": MESSAGE,
            "options": {"apns_production": True, "notification_3rd_ver": "v2"},
        }
        | {"notification_3rd": {"android": {"title": "Shop", "content": "Hello"}}},
        {"platform": "all", "notification": {"alert": "Hello"}, "options": {"apns_production": True}}
        | {
            "sms_message": {
                "temp_id": 1,
                "signid": 2,
                "delay_time": 60,
                "temp_para": {"a": "b"},
                "active_filter": False,
            }
        },
    ],
    ids=["everything", "in_app", "notification_3rd", "sms"],
)
async def test_every_field_of_the_reference_goes_out_as_it_is_written(
    push: Jpush, doors: Doors, content: dict[str, Any]
) -> None:
    doors.answer(200, {"sendno": "18", "msg_id": "1"})

    assert check("content/app", content) == []
    await push.send(submission(content, key=""))

    assert body(await doors.report("/v3/push")) == content | {"audience": {"registration_id": ["rid-a", "rid-b"]}}
