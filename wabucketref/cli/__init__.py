"""The command line: one module a command, rendering, and the only place that exits."""
