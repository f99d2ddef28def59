from pathlib import Path

import pytest

from wabucketref.testing import StorageConformance, round_trip
from wabucketref_template import PLUGIN, Options


class TestTemplate(StorageConformance):
    plugin = ("template", PLUGIN)

    @pytest.fixture
    def open_store(self, tmp_path: Path):
        return lambda: PLUGIN.configured(Options(root=tmp_path)).open("template://bucket/prefix", {})


def test_upload_and_download(tmp_path: Path) -> None:
    round_trip("template://bucket/prefix", tmp_path, WABUCKET_TEMPLATE_ROOT=str(tmp_path / "root"))
