"""UMS: a self-hosted Unified Messaging System."""

__version__ = "0.1.0"
