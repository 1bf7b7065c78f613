"""JSMS: text messages by template."""

from ums.providers.jsms.provider import Jsms as Jsms
