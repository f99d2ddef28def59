"""The installed ``wabucket``, run as a user would: for tests of plugins, which must be found by their entry points."""

import os
import subprocess
import sys
from pathlib import Path

from wabucketref.conformance.results import Broken, same

_FILES = {
    "a.txt": b"alpha",
    "deep/er/b.bin": bytes(range(256)) * 4096,
    "empty": b"",
    "large.bin": os.urandom(1) * (9 << 20),
}


def run(*arguments: str, home: Path, **environ: str) -> str:
    """What ``wabucket`` printed on stdout, run in a process of its own outside any checkout.

    Raises:
        Broken: it ended with another exit code than 0.
    """
    home.mkdir(parents=True, exist_ok=True)
    ran = subprocess.run(  # noqa: S603 - the installed command itself
        [sys.executable, "-P", "-m", "wabucketref", *arguments],
        cwd=home,
        env={**os.environ, "WABUCKET_HOME": str(home / "home"), "WABUCKET_TRACKER": "embedded", **environ},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    if ran.returncode != 0:
        raise Broken(f"wabucket {' '.join(arguments)} ended with {ran.returncode}: {ran.stdout}{ran.stderr}")
    return ran.stdout


def round_trip(bucket: str, work: Path, *options: str, **environ: str) -> str:
    """Upload a tree to `bucket` and download it again, each in a process of its own; what the download printed.

    `options` are global ones, `environ` further variables.

    Raises:
        Broken: a command failed, or what came back is not what was sent.
    """
    for name, data in _FILES.items():
        file = work / "source" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    before = ("-p", "plugin-tests", "--bucket", bucket, *options)
    artifact = ("-n", "tree", "-t", "data", "-a", "first")
    sent = run(*before, "upload", str(work / "source"), *artifact, home=work / "up", **environ)
    same(sent, "data/tree:first\n", "what upload printed")
    got = run(*before, "download", "data/tree:first", "-d", str(work / "copy"), home=work / "down", **environ)
    for name, data in _FILES.items():
        same((work / "copy" / name).read_bytes() == data, True, f"{name} came back as it was")
    return got
