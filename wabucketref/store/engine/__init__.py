"""The engine of transfers: threads, memory and how many pieces of work are under way at once."""
