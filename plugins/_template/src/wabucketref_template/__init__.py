"""Buckets of ``template://`` are directories below one of this machine: a plugin to copy."""

from collections.abc import Mapping
from pathlib import Path

from fsspec.implementations.local import LocalFileSystem
from pydantic import BaseModel, Field

from wabucketref.plugin import BucketUrl, FsspecPlugin


class Options(BaseModel):
    root: Path = Field(default=Path("/var/lib/buckets"), description="Directory in which the buckets lie.")


class TemplatePlugin(FsspecPlugin):
    Options = Options
    options = Options()

    def filesystem(self, address: BucketUrl, environ: Mapping[str, str]) -> tuple[LocalFileSystem, str]:
        return LocalFileSystem(), str(self.options.root.joinpath(*address.path))


PLUGIN = TemplatePlugin()
