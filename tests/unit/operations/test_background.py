"""The background service where the packages that it needs are missing, and where nobody answers."""

import socket
import sys
from pathlib import Path

import pytest

from wabucketref.errors import Unsupported, UsageError
from wabucketref.operations.background import service_status, start_service, stop_service
from wabucketref.operations.upload import leave_upload
from wabucketref.service.remote.place import Place
from wabucketref.settings import Settings, load_settings
from wabucketref.wiring import open_workspace


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"project_name": "demo", "home": str(tmp_path / "home"), "tracker": "embedded"})


@pytest.fixture
def without_grpc(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [
        name for name in sys.modules if name == "grpc" or name.startswith(("grpc.", "wabucketref.service.remote.c"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "grpc", None)


@pytest.mark.usefixtures("without_grpc")
def test_starting_says_what_is_missing(settings: Settings) -> None:
    with pytest.raises(Unsupported, match="grpcio") as caught:
        start_service(settings, ["false"])
    assert "wabucketref[service]" in (caught.value.hint or "")
    assert stop_service(settings, now=False, timeout=1) is False
    assert not service_status(settings).running


@pytest.mark.usefixtures("without_grpc")
def test_a_service_that_cannot_be_reached_from_here_is_named(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = Place.of(settings.home)
    place.make()
    with socket.socket(socket.AF_UNIX) as somebody:
        somebody.bind(str(place.socket))
        somebody.listen()
        (tmp_path / "file").write_bytes(b"x")
        with open_workspace(settings) as ws, pytest.raises(UsageError, match="no service is running"):
            leave_upload(ws, tmp_path / "file", "n", "t")
    assert "grpcio is missing here" in caplog.text


@pytest.mark.row("V1")
def test_a_socket_that_nobody_listens_on_is_no_service(settings: Settings) -> None:
    place = Place.of(settings.home)
    place.make()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(place.socket))
    assert place.has_socket()
    assert not service_status(settings).running


@pytest.mark.row("F4")
def test_the_socket_of_a_long_home_lies_elsewhere_and_is_the_same_for_all(tmp_path: Path) -> None:
    home = tmp_path / ("long-" * 20)
    place = Place.of(home)
    assert place.socket.parent != place.directory
    assert len(str(place.socket)) <= 100
    assert Place.of(home) == place
    assert Place.of(tmp_path / ("other-" * 20)).socket != place.socket


def test_a_name_plate_that_cannot_be_read_is_none(settings: Settings) -> None:
    place = Place.of(settings.home)
    assert place.read_plate() is None
    place.make()
    place.plate.write_text("{half")
    assert place.read_plate() is None
