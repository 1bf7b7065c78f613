"""Which device and which vendor's channel a JPush receipt speaks of."""

from ums.providers.contract import Via
from ums.vocabulary import AppPlatform, AppSender

# The numbers are those of the same vendor's unified product: https://docs.jiguang.cn/jums/advanced/callback
PLATFORMS = {
    "0": AppPlatform.ANDROID,
    "1": AppPlatform.IOS,
    "2": AppPlatform.WEB,
    "3": AppPlatform.QUICKAPP,
    "4": AppPlatform.HMOS,
    **{platform.value: platform for platform in AppPlatform},
}

# The words are those of its report: https://docs.jiguang.cn/jpush/server/push/rest_api_v3_report
SENDERS = {
    "0": AppSender.JPUSH,
    "1": AppSender.HUAWEI,
    "2": AppSender.OPPO,
    "3": AppSender.VIVO,
    "4": AppSender.XIAOMI,
    "5": AppSender.MEIZU,
    "6": AppSender.FCM,
    "8": AppSender.APNS,
    "jg_android": AppSender.JPUSH,
    "quick_jg": AppSender.JPUSH,
    **{sender.value: sender for sender in AppSender},
}


def via(platform: object, sender: object) -> Via | None:
    """Of what a receipt says, numbers or words; None when it says neither, or nothing that is known."""
    found = Via(PLATFORMS.get(str(platform).lower()), SENDERS.get(str(sender).lower()))
    return found if any(found) else None
