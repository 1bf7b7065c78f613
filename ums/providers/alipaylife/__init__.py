"""Alipay Life Account: signed calls over one gateway."""

from ums.providers.alipaylife.provider import AlipayLife as AlipayLife
