"""azurite: Microsoft's own emulator of the blob service."""

import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import pytest
from azure.storage.blob import BlobServiceClient

from servers import free_port, require, running

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="  # azurite's own


@dataclass(frozen=True)
class Azurite:
    """A running service."""

    endpoint: str

    @property
    def environ(self) -> Mapping[str, str]:
        return {"AZURE_STORAGE_CONNECTION_STRING": self.connection_string}

    @property
    def connection_string(self) -> str:
        return f"AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={self.endpoint};DefaultEndpointsProtocol=http"

    def service(self) -> BlobServiceClient:
        return BlobServiceClient.from_connection_string(self.connection_string)

    def make_container(self) -> str:
        """A new one; its name."""
        name = f"container-{uuid.uuid4().hex[:12]}"
        with self.service() as service:
            service.create_container(name)
        return name


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    binary = require(os.environ.get("AZURITE"), "azurite", "npm install azurite, and name its azurite-blob in AZURITE")
    port, place = free_port(), tmp_path_factory.mktemp("azurite")
    command = [binary, "--blobHost", "127.0.0.1", "--blobPort", str(port), "--inMemoryPersistence", "--silent"]
    with running([*command, "--skipApiVersionCheck", "--disableTelemetry"], port, place):
        yield Azurite(f"http://127.0.0.1:{port}/{ACCOUNT}")


@pytest.fixture(scope="session")
def container(azurite: Azurite) -> str:
    return azurite.make_container()


@pytest.fixture
def backdoor_of(azurite: Azurite) -> Callable[[str, str], bytes | None]:
    """Reads a blob by the plain SDK."""

    def read(container: str, name: str) -> bytes | None:
        with azurite.service() as service:
            blob = service.get_blob_client(container, name)
            return blob.download_blob().readall() if blob.exists() else None

    return read
