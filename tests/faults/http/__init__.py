"""The parts of the proxy: HTTP on a stream, what can happen to an exchange, and by which rules."""
