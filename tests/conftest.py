"""Shared by all tests: its place puts `footage`, `peers` and the like on the import path."""
