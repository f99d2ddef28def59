"""The table of areas: everything that the server can do."""

from typing import Final

from wabucketref.server.area import Area
from wabucketref.server.artifacts import AREA as ARTIFACTS
from wabucketref.server.base import AREA as BASE
from wabucketref.server.files import AREA as FILES
from wabucketref.server.runs import AREA as RUNS

AREAS: Final[tuple[Area, ...]] = (BASE, RUNS, FILES, ARTIFACTS)
