"""The embedded tracker: the catalog, an SQL database (SQLite by default) that needs no server and no account."""
