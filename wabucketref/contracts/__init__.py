"""What the world must provide: Protocols whose docstrings are the specification. No implementation lives here."""
