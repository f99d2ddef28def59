"""Names and references, through the command line."""

import json

import pytest

from tests.e2e.bad_input.bench import Bench, at, fail, upload
from wabucketref import WaBucketRefAPI
from wabucketref.errors import UsageError

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
CODE_POINTS = {"slash": "U+002F", "space": "U+0020", "umlaut": "U+00E4", "newline": "U+000A", "nul": "U+0000"}


@pytest.mark.row("N1")
@pytest.mark.parametrize("field", ["name", "type", "alias"])
@pytest.mark.parametrize("bad", BAD_NAMES)
def test_N1_names(bench: Bench, field: str, bad: str) -> None:
    given = {"name": "cats", "kind": "dataset", "alias": "one", "kind" if field == "type" else field: BAD_NAMES[bad]}
    message = bench.refused(2, *upload(**given))
    assert field in message
    assert CODE_POINTS.get(bad, "") in message
    assert not bench.bucket.exists(), "refused before any I/O"


@pytest.mark.row("N1")
def test_N1_limits(bench: Bench) -> None:
    bench.ok(*upload(name="x" * 128, kind="A-Za-z0-9_.-", alias="1"))


@pytest.mark.row("N1")
@pytest.mark.parametrize("bad", [*BAD_NAMES, "nul"])
def test_N1_names_given_to_python(bench: Bench, bad: str) -> None:
    """As a command line cannot have a NUL, and each operation has its own way to the rule."""
    name = BAD_NAMES.get(bad, "a\0b")
    with WaBucketRefAPI() as api:
        for call in (
            lambda: api.upload_artifact("src", name, "dataset"),
            lambda: api.upload_artifact("src", "cats", name),
            lambda: api.upload_artifact("src", "cats", "dataset", name or "\0"),
            lambda: api.link("somewhere", name, "dataset"),
            lambda: api.download_artifact("cats", "dataset", name),
        ):
            with pytest.raises(UsageError) as caught:
                call()
            assert caught.value.exit_code == 2
            if name:
                assert CODE_POINTS.get(bad, "") in caught.value.message
    assert not bench.bucket.exists()


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


@pytest.mark.row("N2")
def test_N2_an_alias_comes_before_a_version_number(bench: Bench) -> None:
    for number, alias in enumerate(("v1", "other")):
        (bench.here / "src/a.txt").write_text(f"content {number}")
        bench.ok(*upload(alias=alias))
    bench.ok("download", "dataset/cats:v1", "-d", "out")
    assert (bench.here / "out/a.txt").read_text() == "content 0", "v1 is the alias of version v0"
    _, out, _ = bench.run("show", "dataset/cats:v1")
    assert [line.split() for line in out.splitlines()[:2]] == [["artifact", "dataset/cats:v1"], ["version", "v0"]]
    with WaBucketRefAPI() as api:
        assert (api.download_artifact("cats", "dataset", "v1") / "a.txt").read_text() == "content 0"
        with pytest.raises(UsageError, match="reserved"):
            api.upload_artifact("src", "cats", "dataset", "latest")


@pytest.mark.row("N3")
def test_N3_a_leading_dash_works_after_two_dashes(bench: Bench) -> None:
    bench.ok(*upload(name="-x"))
    bench.ok("download", "--", "dataset", "-x", "one")
    _, _, err = bench.run("download", "dataset", "-x", "one")
    assert "a name that starts with - goes after --" in err


@pytest.mark.row("N3")
@pytest.mark.parametrize("name", ["x.", "CON", "nul.txt", "COM1"])
def test_N3_names_that_windows_cannot_have(bench: Bench, name: str) -> None:
    bench.refused(2, *upload(name=name), says="Windows")


REFERENCES = {
    "dataset/cats": "write dataset/cats:ALIAS",
    "a/b/c:d": "write TYPE/c:d",
    "dataset/cats:": "write dataset/cats:ALIAS",
    "dataset/cats:one:two": "write dataset/cats:one",
    "dataset/cats:one one": "write dataset/cats:one alone",
    "ana/demo/cats:v0": "W&B's entity/project/name:alias is not used here; write TYPE/cats:v0",
    "dataset": "write dataset/NAME:ALIAS",
    "dataset cats": "write dataset/cats:ALIAS",
    "dataset cats one two": "write dataset/cats:ALIAS",
}


@pytest.mark.row("N4")
@pytest.mark.parametrize("words", REFERENCES)
def test_N4_references(bench: Bench, words: str) -> None:
    bench.ok(*upload())
    bench.refused(2, "download", *words.split(" "), says=REFERENCES[words])


@pytest.mark.row("N6")
def test_N6_three_kinds_of_nothing(bench: Bench) -> None:
    bench.ok(*upload())
    bench.ok(*upload(alias="two"))
    unknown = bench.refused(3, "download", "dataset/cats:onn", says="one")
    with at("upload.entries_put", fail):
        assert bench.run(*upload(alias="half"))[0] == 5
    unfinished = bench.refused(3, "download", "dataset/cats:half", says="an unfinished upload is there since 2")
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
