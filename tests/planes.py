"""The storage factories of the clouds, on the data plane of the fixture ``plane``."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wabucketref.store.native import factory
from wabucketref.store.native.factory import PLANE


@dataclass(frozen=True)
class OnPlane:
    """`inner`, told of the plane."""

    inner: factory.Planes
    api_version: int = factory.S3.api_version

    def open(self, url: str, environ: Mapping[str, str]) -> Any:
        return self.inner.open(url, {**environ, PLANE: os.environ[PLANE]})


S3 = OnPlane(factory.S3)
GS = OnPlane(factory.GS)
