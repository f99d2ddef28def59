"""Two hundred replacements under running downloads."""

import pytest

from tests.faults.conftest import MakeWorld
from tests.faults.test_replaced import readers_beside
from tests.servers import Server


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.row("A2")
@pytest.mark.parametrize("how", ["overwrite", "rm"])
def test_on_a_local_disk(make_world: MakeWorld, how: str) -> None:
    readers_beside(make_world(), how, 200)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.row("A2")
@pytest.mark.parametrize("how", ["overwrite", "rm"])
def test_on_s3(make_world: MakeWorld, rclone_s3: Server, how: str) -> None:
    readers_beside(make_world(rclone_s3), how, 200)
