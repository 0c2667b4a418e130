"""The rules of the domain as plain functions of a database connection."""
