"""One way to hand results to later CI steps a file: a class, and ``OUTPUTS``, its only instance."""
