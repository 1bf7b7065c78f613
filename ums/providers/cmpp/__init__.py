"""CMPP 2.0 and 3.0: a gateway's binary protocol over TCP."""

from ums.providers.cmpp.provider import Cmpp as Cmpp
