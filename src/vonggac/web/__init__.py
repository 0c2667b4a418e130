"""Pages, API and static files, rendered on the server."""
