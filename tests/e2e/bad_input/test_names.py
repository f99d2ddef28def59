"""Names and references, through the command line."""

import json

import pytest

from tests.e2e.bad_input.bench import Bench, upload

BAD_NAMES = {
    "empty": "",
    "long": "x" * 129,
    "slash": "a/b",
    "space": "a b",
    "umlaut": "ä",
    "newline": "a\n",
    "dot": ".",
    "dots": "..",
    "ours": ".wabucket",
    "ours too": ".wabucket-x",
}


@pytest.mark.row("N1")
@pytest.mark.parametrize("field", ["name", "type", "alias"])
@pytest.mark.parametrize("bad", BAD_NAMES)
def test_N1_names(bench: Bench, field: str, bad: str) -> None:
    given = {"name": "cats", "kind": "dataset", "alias": "one", "kind" if field == "type" else field: BAD_NAMES[bad]}
    message = bench.refused(2, *upload(**given))
    assert field in message
    if bad == "umlaut":
        assert "U+00E4" in message
    assert not bench.bucket.exists(), "refused before any I/O"


@pytest.mark.row("N1")
def test_N1_limits(bench: Bench) -> None:
    bench.ok(*upload(name="x" * 128, kind="A-Za-z0-9_.-", alias="1"))


@pytest.mark.row("N2")
def test_N2_latest_is_reserved(bench: Bench) -> None:
    bench.refused(2, *upload(alias="latest"), says="latest")


@pytest.mark.row("N2")
def test_N2_version_like_aliases_are_warned_of(bench: Bench) -> None:
    assert "v12" in bench.ok(*upload(alias="v12"))
    for alias in ("V1", "v1-rc"):
        assert "version number" not in bench.ok(*upload(alias=alias))
    _, out, _ = bench.run("--json", "show", "dataset/cats:v12")
    assert json.loads(out)["artifact"]["alias"] == "v12"


@pytest.mark.row("N3")
def test_N3_a_leading_dash_works_after_two_dashes(bench: Bench) -> None:
    bench.ok(*upload(name="-x"))
    bench.ok("download", "--", "dataset", "-x", "one")


@pytest.mark.row("N3")
@pytest.mark.parametrize("name", ["x.", "CON", "nul.txt", "COM1"])
def test_N3_names_that_windows_cannot_have(bench: Bench, name: str) -> None:
    bench.refused(2, *upload(name=name), says="Windows")


@pytest.mark.row("N4")
@pytest.mark.parametrize(
    "argv",
    [
        ["dataset/cats"],
        ["a/b/c:d"],
        ["dataset/cats:"],
        ["dataset/cats:one:two"],
        ["dataset/cats:one", "one"],
        ["ana/demo/cats:v0"],
        ["dataset"],
        ["dataset", "cats"],
        ["dataset", "cats", "one", "two"],
    ],
    ids=" ".join,
)
def test_N4_references(bench: Bench, argv: list[str]) -> None:
    bench.ok(*upload())
    bench.refused(2, "download", *argv)


@pytest.mark.row("N6")
def test_N6_three_kinds_of_nothing(bench: Bench) -> None:
    bench.ok(*upload())
    bench.ok(*upload(alias="two"))
    unknown = bench.refused(3, "download", "dataset/cats:onn", says="one")
    (bench.bucket / "dataset/cats/half/.wabucket").mkdir(parents=True)
    (bench.bucket / "dataset/cats/half/.wabucket/claim.json").write_text("{}")
    unfinished = bench.refused(3, "download", "dataset/cats:half", says="unfinished")
    bench.ok("rm", "dataset/cats:two")
    removed = bench.refused(3, "download", "dataset/cats:v1", says="removed")
    assert len({unknown, unfinished, removed}) == 3
    assert not (bench.here / "dataset").exists()


@pytest.mark.row("N8")
def test_N8_the_hash_of_the_config(bench: Bench) -> None:
    bench.refused(2, *upload(alias="!other"))
    code, out, _ = bench.run(*upload(alias="!run-config-hash"))
    assert (code, out.strip()) == (
        0,
        "dataset/cats:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
    )
