"""Stands in for JPush, public and private."""

from ums.sandbox.jpush.private import JpushPrivateStandIn as JpushPrivateStandIn
from ums.sandbox.jpush.public import JpushStandIn as JpushStandIn
