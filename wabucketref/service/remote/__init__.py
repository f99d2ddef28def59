"""The background service: a process of its own that carries the same messages over gRPC on a unix socket."""
