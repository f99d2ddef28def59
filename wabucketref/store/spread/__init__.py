"""Transfers whose files are moved by an executor: what crosses to a worker, what it does there, and what comes back."""
