"""The hub's database: engine, tables as a commented document, migrations."""
