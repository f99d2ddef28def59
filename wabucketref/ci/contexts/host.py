"""The machine and the interpreter."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from wabucketref.contracts.context import Facts
from wabucketref.contracts.factories import API_VERSION


class Host:
    """Name and system of the host, version of Python, name of the user; no tags."""

    name = "host"
    doc = "https://opentelemetry.io/docs/specs/semconv/resource/host/"
    api_version = API_VERSION

    def detect(self, environ: Mapping[str, str], directory: Path) -> Facts | None:
        system = os.uname()
        user = next((environ[one] for one in ("LOGNAME", "USER", "USERNAME") if environ.get(one)), "")
        values = {
            "host.name": system.nodename,
            "host.arch": system.machine,
            "os.type": system.sysname.lower(),
            "os.version": system.release,
            "process.runtime.name": sys.implementation.name,
            "process.runtime.version": ".".join(str(part) for part in sys.version_info[:3]),
            "user.name": user,
        }
        return Facts(self.name, {name: value for name, value in values.items() if value})


CONTEXT = Host()
