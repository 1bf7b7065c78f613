"""Stands in for a CMPP gateway."""

from ums.sandbox.cmpp.stand_in import CmppStandIn as CmppStandIn
