"""Storage drivers: one module a scheme, each with a ``FACTORY``. Nothing heavy is imported until a driver is used."""
