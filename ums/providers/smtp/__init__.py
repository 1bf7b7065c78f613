"""E-mail over SMTP."""

from ums.providers.smtp.provider import Smtp as Smtp
