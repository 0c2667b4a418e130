"""Vọng Gác: continuous, honest and lawful camera supervision of quarantine facilities."""

__version__ = "0.1.0"
