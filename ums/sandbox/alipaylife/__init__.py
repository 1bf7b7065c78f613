"""Stands in for Alipay's gateway."""

from ums.sandbox.alipaylife.stand_in import AlipayLifeStandIn as AlipayLifeStandIn
