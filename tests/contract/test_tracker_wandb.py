"""The wandb tracker against the contract's kit, with a real server."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from wabucketref.conformance.tracker import run_tracker_checks
from wabucketref.contracts.tracker import Tracker
from wabucketref.contracts.tracker_files import FileReference
from wabucketref.model.artifact import LoggedArtifact
from wabucketref.settings import Settings
from wabucketref.testing.server import LiveServer, serving, user_name
from wabucketref.trackers.wandb.tracker import WandbTracker


class TwoFiles:
    """Implements ArtifactFiles for uploads that are nowhere."""

    def references(self, artifact: LoggedArtifact) -> Sequence[FileReference]:
        paths = ("a", ".wabucket/manifest.json")
        return [FileReference(path, f"{artifact.uri}/{path}", 3, artifact.digest, artifact.digest) for path in paths]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with serving(tmp_path_factory.mktemp("contract")) as server:
        yield server


def test_the_contract(server: LiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user = user_name("kit")
    for name, value in server.sdk_environ(user).items():
        monkeypatch.setenv(name, value)
    settings = Settings(home=tmp_path, base_url=server.url, api_key=user, tracker="wandb")

    def open_tracker() -> Tracker:
        tracker = WandbTracker(settings)
        tracker.attach(TwoFiles())
        return tracker

    found = run_tracker_checks(open_tracker, entity=user)
    assert found == dict.fromkeys(found)
