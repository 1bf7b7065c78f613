"""Stands in for JPush in a private cloud under /jpush-private: as the public one, with a record of its own."""

from typing import ClassVar

from ums.sandbox.jpush.public import JpushStandIn


class JpushPrivateStandIn(JpushStandIn):
    platform: ClassVar = "jpush-private"
