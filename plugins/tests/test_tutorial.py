"""The guide for authors of plugins is run as it stands, against a real SSH server."""

import ast
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how-to" / "write-a-plugin.md"
SERVER = """
import asyncio, sys
import asyncssh

class OneUser(asyncssh.SSHServer):
    def begin_auth(self, username):
        return True
    def password_auth_supported(self):
        return True
    def validate_password(self, username, password):
        return (username, password) == ("ann", sys.argv[3])

async def main(root, known_hosts):
    key = asyncssh.generate_private_key("ssh-ed25519")
    sftp = lambda channel: asyncssh.SFTPServer(channel, chroot=root.encode())
    server = await asyncssh.listen(
        "127.0.0.1", 0, server_factory=OneUser, server_host_keys=[key], sftp_factory=sftp
    )
    port = server.sockets[0].getsockname()[1]
    with open(known_hosts, "w") as file:
        file.write(f"[127.0.0.1]:{port} {key.export_public_key().decode()}")
    print(port, flush=True)
    await server.wait_closed()

asyncio.run(main(*sys.argv[1:3]))
"""
PASSWORD = "cAnArY-of-ann"


@pytest.fixture(scope="module")
def markdown() -> ModuleType:
    """The runner of pages, which is no part of what is installed."""
    spec = importlib.util.spec_from_file_location("markdown_pages", ROOT / "tests" / "tools" / "markdown.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look for it there
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def box(tmp_path: Path) -> Iterator[dict[str, str]]:
    """An SSH server with the directory ``team``; the variables that say how to reach it."""
    (tmp_path / "served" / "team").mkdir(parents=True)
    known_hosts = str(tmp_path / "known_hosts")
    command = [sys.executable, "-P", "-c", SERVER, str(tmp_path / "served"), known_hosts, PASSWORD]
    with (tmp_path / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, cwd=tmp_path)
    assert process.stdout is not None
    try:
        port = process.stdout.readline().decode().strip()
        assert port, (tmp_path / "server.log").read_text()
        facts = {"HOST": "127.0.0.1", "PORT": port, "USER": "ann", "PASSWORD": PASSWORD, "KNOWN_HOSTS": known_hosts}
        yield {f"WABUCKET_BOX_{name}": value for name, value in facts.items()}
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()


@pytest.mark.timeout(300)
def test_the_guide(markdown: ModuleType, box: dict[str, str], tmp_path: Path) -> None:
    work, site = tmp_path / "work", tmp_path / "site"
    work.mkdir()
    environ = {
        "WABUCKETREF": str(ROOT),
        **box,
        "WABUCKET_HOME": str(tmp_path / "home"),
        "PYTHONPATH": str(site),
        # what `pip install .` does here: nothing but the plugin, beside what is installed for the tests
        "PIP_TARGET": str(site),
        "PIP_NO_DEPS": "1",
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    outcomes = markdown.run(PAGE, work, environ, seconds=240)
    assert markdown.mismatches(PAGE, outcomes) == []
    assert PASSWORD not in "".join(one.out + one.err for one in outcomes)
    (tested,) = [one.out for one in outcomes if "pytest -q" in one.block.text]
    assert re.search(r"^\d\d passed, \d+ skipped in", tested, re.MULTILINE), tested


def test_the_plugin_is_short(markdown: ModuleType) -> None:
    (text,) = [block.text for block in markdown.blocks(PAGE) if "class BoxPlugin" in block.text]
    code = text.split("<<'EOF'\n", 1)[1].removesuffix("EOF\n")
    ast.parse(code)
    assert len(code.splitlines()) < 50
