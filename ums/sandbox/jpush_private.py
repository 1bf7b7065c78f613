"""Stands in for JPush in a private cloud under /jpush-private: what `ums.sandbox.jpush` does, with its own record."""

from typing import ClassVar

from ums.sandbox.jpush import JpushStandIn


class JpushPrivateStandIn(JpushStandIn):
    platform: ClassVar = "jpush-private"
