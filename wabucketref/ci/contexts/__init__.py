"""One provider a file: a class that reads an allow-list of variables, and ``CONTEXT``, its only instance."""
