"""The same fixtures as for the providers."""

from tests.providers.conftest import doors as doors
from tests.providers.conftest import running as running
from tests.providers.conftest import session as session
