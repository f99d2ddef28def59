"""The worlds of the fault tests."""

from tests.faults.conftest import make_world, mounts, place, serve, world, zygote

__all__ = ["make_world", "mounts", "place", "serve", "world", "zygote"]
