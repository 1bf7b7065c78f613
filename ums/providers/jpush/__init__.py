"""JPush: its public service, and its private cloud."""

from ums.providers.jpush.private import JpushPrivate as JpushPrivate
from ums.providers.jpush.public import Jpush as Jpush
