"""The doors stand in the same application as GraphQL."""

from tests.api.conftest import api as api
