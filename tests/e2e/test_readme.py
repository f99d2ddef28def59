"""Every snippet of the README and the guides runs, and prints what the page shows."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError

import pytest

from tests.postgres import Cluster
from tests.servers import Server
from tests.tools import markdown

ROOT = markdown.ROOT
DOCS = ROOT / "docs"
PREPARED = {
    "README.md": "mkdir data && echo x > data/a && "
    "wabucket -p my-project --bucket bucket-name upload data -n name -t type -a version\n",
}
"""What a page takes for granted, by its path below the repository."""
WITH_SERVERS = ("README.md", "docs/how-to/stores.md", "docs/how-to/gcs.md")
WITH_POSTGRES = "docs/how-to/postgres.md"
WITH_PLUGIN = "docs/how-to/write-a-plugin.md"
"""Run by `make plugins`, where a plugin can be installed."""


def pages() -> list[Path]:
    found = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
    return [page for page in found if any(block.runs for block in markdown.blocks(page))]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.fixture
def work(tmp_path: Path) -> Path:
    place = tmp_path / "work"
    place.mkdir()
    return place


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [one for one in pages() if name_of(one) not in (*WITH_SERVERS, WITH_POSTGRES, WITH_PLUGIN)],
    ids=name_of,
)
def test_snippets_run(page: Path, work: Path) -> None:
    outcomes = markdown.run(page, work, {}, PREPARED.get(name_of(page), ""))
    assert markdown.mismatches(page, outcomes) == []


def make_once(server: Server, bucket: str) -> None:
    """Make a bucket of this name; an earlier test may have done so."""
    try:
        server.create_bucket(bucket)
    except HTTPError as error:
        if error.code != 409:
            raise


@pytest.mark.slow
@pytest.mark.needs("moto", "gcs")
@pytest.mark.parametrize("name", WITH_SERVERS)
def test_snippets_run_against_servers(name: str, work: Path, moto_s3: Server, gcs_emulator: Server) -> None:
    page = ROOT / name
    for server in (moto_s3, gcs_emulator):
        for bucket in set(re.findall(rf"{server.scheme}://([a-z0-9-]+)", page.read_text(encoding="utf-8"))):
            make_once(server, bucket)
    environ = {**moto_s3.environ, **gcs_emulator.environ}
    outcomes = markdown.run(page, work, environ, PREPARED.get(name, ""))
    assert markdown.mismatches(page, outcomes) == []


@pytest.mark.slow
def test_snippets_run_against_a_database(work: Path, postgres: Cluster) -> None:
    """What the page tells the administrator is done too."""
    page = ROOT / WITH_POSTGRES
    statements = "".join(block.text for block in markdown.blocks(page) if block.language == "sql")
    for statement in statements.strip().splitlines():
        postgres.sql(statement)
    outcomes = markdown.run(page, work, {"PGPORT": str(postgres.port)})
    assert markdown.mismatches(page, outcomes) == []


def every_link() -> Iterator[tuple[Path, str]]:
    for page in [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]:
        text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if "://" not in target:
                yield page, target


def test_links_lead_somewhere() -> None:
    missing = []
    for page, target in every_link():
        path, _, anchor = target.partition("#")
        file = page if not path else (page.parent / path).resolve()
        if not file.exists():
            missing.append(f"{name_of(page)}: {target}")
        elif anchor and anchor not in anchors(file):
            missing.append(f"{name_of(page)}: {target} (no such heading)")
    assert missing == []


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_can_be_reached() -> None:
    linked = {(page.parent / target.partition("#")[0]).resolve() for page, target in every_link()}
    pages = set(DOCS.rglob("*.md")) - {DOCS / "index.md"}
    assert sorted(name_of(page) for page in pages - linked) == []


def test_what_is_not_run_has_a_reason() -> None:
    for page in pages():
        for block in markdown.blocks(page):
            assert block.not_run is None or len(block.not_run) > 10, f"{page}:{block.line}"
