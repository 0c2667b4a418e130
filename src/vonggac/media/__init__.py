"""The currency: protocol core, parts and time. Pure: no sockets, no files, no asyncio."""
