"""App notifications through JPush in a private cloud: the same protocol at an address of one's own.

Nothing public describes it beyond that: https://github.com/jpush/jiguang-sdk-java is told another host, and no more.
"""

from typing import ClassVar

from ums.providers.jpush.public import Jpush


class JpushPrivate(Jpush):
    """As JPush, at `credentials.pushUrl`."""

    platform = "jpush-private"
    url_field: ClassVar[str] = "pushUrl"
