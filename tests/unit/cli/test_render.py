"""Text for people."""

import json
import re
import string
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.cli import samples
from tests.unit.cli.conftest import Floors, Ran
from wabucketref.cli.document import encode, encode_long
from wabucketref.cli.render import graph, text

Run = Callable[..., Ran]
HOSTILE = 'x"];\n  evil [label="\\" \x1b[31m <script> #quot; `a` ]) --> n9 \u202e%%{init}%%'


@given(st.text())
def test_printable_text_is_one_harmless_line(value: str) -> None:
    shown = text.printable(value)
    assert len(shown.splitlines()) <= 1
    assert not re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]", shown)


@given(st.text(alphabet=string.ascii_letters + " äß猫🐈/:\\", max_size=20))
def test_ordinary_text_is_left_alone(value: str) -> None:
    assert text.printable(value) == value


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1 << 20, "1.0 MiB"), (1048575, "1.0 MiB"), (5 << 50, "5.0 PiB")],
)
def test_sizes(count: int, shown: str) -> None:
    assert text.size(count) == shown


def test_tables_align_wide_and_combining_characters() -> None:
    lines = text.table(("A", "B"), [("猫", "1"), ("e\u0301", "2"), ("long", "3")])
    assert [text.width(line) for line in lines] == [7, 7, 7, 7]


def test_ls(wabucket: Run, floors: Floors) -> None:
    floors.answers["list_artifacts"] = [samples.artifact(), samples.artifact(version=None, aliases=("first",))]
    first, second, third = wabucket("ls", "dataset/cats").out.splitlines()
    assert first.split() == ["ARTIFACT", "VERSION", "ALSO", "FILES", "SIZE", "CREATED"]
    assert second.split() == ["dataset/cats:first", "v0", "latest", "2", "2.0", "KiB", "2024-06-01", "12:30:05Z"]
    assert third.split() == ["dataset/cats:first", "2", "2.0", "KiB", "2024-06-01", "12:30:05Z"]
    assert floors.calls == [("list_artifacts", ("dataset", "cats"), {})]


def test_nothing_listed_is_nothing_on_stdout(wabucket: Run, floors: Floors) -> None:
    floors.answers |= {"list_artifacts": [], "list_runs": []}
    assert (wabucket("ls").out, wabucket("ls").err) == ("", "no artifacts\n")
    assert (wabucket("runs").out, wabucket("-q", "runs").err) == ("", "")


def test_ls_takes_a_type_or_a_name_only(wabucket: Run, floors: Floors) -> None:
    for scope in ("a/b:c", "a/b/c", "a/", "/", "a b"):
        assert wabucket("ls", scope).code == 2
    assert floors.calls == []


def test_show(wabucket: Run, floors: Floors) -> None:
    floors.answers["show"] = SimpleNamespace(artifact=samples.artifact(), files=samples.FILES)
    out = wabucket("show", "dataset/cats:first", "--files").out
    assert re.search(r"^artifact +dataset/cats:first$", out, re.MULTILINE)
    assert re.search(r"^metadata source +zoo$", out, re.MULTILINE)
    assert re.search(r"^metadata pages +3$", out, re.MULTILINE)
    assert re.search(r"^empty/$", out, re.MULTILINE)
    assert re.search(rf"^a.txt +10  {samples.DIGEST}$", out, re.MULTILINE)


def test_hostile_metadata_and_names_are_escaped(wabucket: Run, floors: Floors) -> None:
    hostile = samples.artifact(metadata={HOSTILE: HOSTILE, "list": [HOSTILE]})
    floors.answers["show"] = SimpleNamespace(artifact=hostile, files=[])
    floors.answers["list_runs"] = [samples.run(name=HOSTILE, job_type="\x07")]
    floors.answers["get_run"] = samples.run(name=HOSTILE, tags=(HOSTILE,), config={HOSTILE: 1}, inputs=(HOSTILE,))
    for arguments in (("show", "dataset/cats:first"), ("runs",), ("runs", "r1")):
        out = wabucket(*arguments).out
        assert out
        assert "\x1b" not in out
        assert "\x07" not in out
        assert "\n  evil" not in out


def test_runs(wabucket: Run, floors: Floors) -> None:
    floors.answers |= {"list_runs": [samples.run()], "get_run": samples.run()}
    heading, line = wabucket("runs").out.splitlines()
    assert heading.split() == ["RUN", "NAME", "STATE", "JOB", "TYPE", "IN", "OUT", "CREATED"]
    assert line.split() == ["r1", "calm-river", "finished", "train", "1", "1", "2024-06-01", "12:30:05Z"]
    out = wabucket("runs", "r1").out
    assert re.search(r"^config lr +0.1$", out, re.MULTILINE)
    assert re.search(r"^job vcs.ref.head.name +main$", out, re.MULTILINE)
    assert "config job" not in out


def test_lineage_text(wabucket: Run, floors: Floors) -> None:
    floors.answers["lineage"] = samples.lineage()
    assert wabucket("lineage", "dataset/cats:first").out.splitlines() == [
        "dataset/cats:first  (v0, 2 files, 2.0 KiB)",
        "  made by run r1  (calm-river, train, finished)",
        "    from dataset/raw:1",
        "  used by run r2  (evaluate, train, finished)",
        "    for report/eval:1",
    ]
    floors.answers["lineage"] = samples.lineage(produced_by=None, used_by=())
    assert wabucket("lineage", "dataset/cats:first").out.splitlines()[1:] == [
        "  made by an unknown run",
        "  used by no run",
    ]


def test_lineage_dot_and_mermaid(wabucket: Run, floors: Floors) -> None:
    floors.answers["lineage"] = samples.lineage()
    dot = wabucket("lineage", "dataset/cats:first", "--format", "dot").out
    assert dot.startswith("digraph lineage {\n")
    assert '  n0 [shape=box, label="dataset/cats:first"];' in dot
    assert re.findall(r"n\d -> n\d", dot) == ["n2 -> n1", "n1 -> n0", "n0 -> n3", "n3 -> n4"]
    mermaid = wabucket("lineage", "dataset/cats:first", "--format", "mermaid").out
    assert mermaid.startswith("flowchart LR\n")
    assert '  n1(["calm-river"])' in mermaid


@pytest.mark.row("X6")
@given(st.text() | st.just(HOSTILE))
def test_X6_labels_cannot_leave_their_quotes(name: str) -> None:
    lineage = samples.lineage(produced_by=samples.run(name=name, inputs=(name,)), used_by=())
    for line in graph.dot(lineage)[2:-1]:
        assert re.fullmatch(r'  n\d \[shape=(box|ellipse), label="([^"\\]|\\["\\])*"\];|  n\d -> n\d;', line)
    for line in graph.mermaid(lineage)[1:]:
        quoted = r'"(\w|#\d+;|[ /:._-])*"'
        assert re.fullmatch(rf"  n\d(\[{quoted}\]|\(\[{quoted}\]\))|  n\d --> n\d", line)


def test_a_wide_lineage_is_drawn_in_linear_time() -> None:
    runs = [samples.run(id=f"r{n}", outputs=tuple(f"t/n:{n}-{m}" for m in range(10))) for n in range(1000)]
    drawn = graph.dot(samples.lineage(used_by=runs))
    assert len([line for line in drawn if "->" in line]) == 2 + 1000 * 11


def test_json_of_a_hostile_name_is_ascii(wabucket: Run, floors: Floors) -> None:
    floors.answers["get_run"] = samples.run(name=HOSTILE)
    out = wabucket("runs", "r1", "--json").out
    assert out.isascii()
    assert json.loads(out)["run"]["name"] == HOSTILE


@pytest.mark.parametrize("many", [0, 1, 3])
def test_a_long_document_is_the_same_one(many: int) -> None:
    items = [{"path": f"ä{number}\n", "size": number, "digest": "", "deep": {"a": [1, {}]}} for number in range(many)]
    lines = encode_long({"artifact": {"type": "t"}}, "files", items)
    assert "\n".join(lines) == encode({"artifact": {"type": "t"}, "files": items})


@pytest.mark.parametrize("many", [0, 1, 3])
def test_a_long_table_is_the_same_one(many: int) -> None:
    rows = [("é\x1b" * number, str(10**number), "") for number in range(many)]
    right = frozenset({1})
    assert list(text.long_table(("A", "B", "C"), lambda: rows, right)) == text.table(("A", "B", "C"), rows, right)
