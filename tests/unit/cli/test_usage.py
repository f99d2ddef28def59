"""The command line itself: usage errors, globals, help."""

import json
from collections.abc import Callable

import pytest

from tests.unit.cli.conftest import Floors, Ran
from tests.unit.cli.samples import artifact, download_result, upload_result
from wabucketref.cli.root import COMMANDS
from wabucketref.model.reference import ArtifactRef
from wabucketref.operations.adopt import Adopted

Run = Callable[..., Ran]
UPLOAD = ("upload", "data", "-n", "cats", "-t", "dataset")


@pytest.mark.row("U1")
@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        ((), "missing command", "wabucket --help"),
        (("uplaod",), "no such command 'uplaod'", "did you mean `wabucket upload`?"),
        (("zzzz",), "no such command 'zzzz'", "lists the commands"),
        (("--prject-name", "x", "ls"), "no such option '--prject-name'", "did you mean --project-name?"),
        (("ls", "--jsn"), "no such option '--jsn'", "did you mean --json?"),
        (("ls", "-p", "demo"), "no such option '-p'", "global option and goes before the command"),
        (("download", "-model", "a", "b"), "no such option", "a name that starts with - goes after --"),
        (("upload", "x", "-t", "t"), "missing option '-n' / '--name'", "wabucket upload --help"),
        (("upload", "x", "-n"), "option '-n' requires an argument", "wabucket upload --help"),
        ((*UPLOAD, "-n", "dogs"), "option --name is given more than once", "one value"),
        ((*UPLOAD, "--reff", "--no-reff"), "option --reff is given more than once", "one value"),
        (("-p", "a", "-p", "b", "ls"), "option --project-name is given more than once", "one value"),
        (("lineage", "a/b:c", "--format", "svg"), "'svg' is not one of 'text'", "wabucket lineage --help"),
        (("config", "lst"), "no such command 'lst'", "did you mean `wabucket config list`?"),
        (("ls", "extra", "words"), "got unexpected extra argument", "wabucket ls --help"),
    ],
)
def test_U1_usage_errors_have_our_shape(
    wabucket: Run, floors: Floors, arguments: tuple[str, ...], message: str, hint: str
) -> None:
    ran = wabucket(*arguments)
    error, advice = ran.err.splitlines()
    assert (ran.code, ran.out) == (2, "")
    assert error.startswith("error: ")
    assert message in error
    assert error[7].islower() or error[7] in "-'"
    assert advice.startswith("hint: ")
    assert hint in advice


@pytest.mark.row("U1")
def test_U1_json_covers_errors_in_the_command_line_itself(wabucket: Run) -> None:
    ran = wabucket("uplaod", "--json")
    assert ran.err == ""
    assert json.loads(ran.out) == {
        "error": {
            "code": 2,
            "kind": "usage",
            "message": "no such command 'uplaod'",
            "hint": "did you mean `wabucket upload`?",
        }
    }


def test_json_after_the_dashes_is_a_name(wabucket: Run, floors: Floors) -> None:
    ran = wabucket("show", "--", "--json")
    assert ran.code == 2
    assert ran.err.startswith("error: '--json' is not a reference")


@pytest.mark.row("U1")
def test_U1_json_with_help_is_refused(wabucket: Run) -> None:
    ran = wabucket("--json", "ls", "--help")
    assert (ran.code, json.loads(ran.out)["error"]["code"]) == (2, 2)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_on_stdout(wabucket: Run, command: str) -> None:
    ran = wabucket(command, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(f"Usage: wabucket {command}")
    assert "Example" in ran.out


def test_root_help_lists_commands_and_exit_codes(wabucket: Run) -> None:
    out = wabucket("--help").out
    assert all(f"\n  {command} " in out for command in COMMANDS)
    assert "143" in out


def test_version(wabucket: Run) -> None:
    assert wabucket("--version").out.startswith("wabucket 0.")
    assert json.loads(wabucket("--json", "--version").out)["name"] == "wabucket"


@pytest.mark.parametrize("flag", ["--json", "-q", "-v", "--no-progress"])
def test_flags_go_before_and_after_the_command(wabucket: Run, floors: Floors, flag: str) -> None:
    floors.answers["list_artifacts"] = []
    before, after = wabucket(flag, "ls"), wabucket("ls", flag)
    assert before == after
    assert before.code == 0
    assert wabucket(flag, "ls", flag).code == 0


def test_global_options_become_arguments_of_the_settings(wabucket: Run, floors: Floors) -> None:
    floors.answers["list_artifacts"] = []
    wabucket("-p", "demo", "--bucket", "s3://b", "--storage", "gs://r", "--entity", "e", "--run_name", "n", "ls")
    assert floors.arguments == {
        "project_name": "demo",
        "bucket": "s3://b",
        "storage": "gs://r",
        "entity": "e",
        "run_name": "n",
    }
    wabucket("--run-name", "m", "--job-type", "j", "--tracker", "disabled", "ls")
    assert floors.arguments == {"run_name": "m", "job_type": "j", "tracker": "disabled"}


def test_notices_of_the_settings_are_shown_but_not_when_quiet(wabucket: Run, floors: Floors) -> None:
    floors.answers["list_artifacts"] = []
    floors.settings.notices = ("WABUCKET_BUKET is not known; did you mean WABUCKET_BUCKET?",)
    assert wabucket("ls").err.splitlines()[0].startswith("warning: WABUCKET_BUKET is not known")
    assert wabucket("-q", "ls").err == ""


@pytest.mark.row("N4")
@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("model/best",), "write model/best:ALIAS"),
        (("a/b/c:d",), "write TYPE/c:d"),
        (("a/b:",), "write a/b:ALIAS"),
        (("a/b:c:d",), "write a/b:c"),
        (("entity/project/name:v0",), "W&B's entity/project/name:alias is not used here"),
        (("model/best", "v1"), "write model/best:v1"),
        (("model/best:v1", "v2"), "write model/best:v1 alone"),
        (("model", "best:v1"), "write model/best:v1"),
        (("model", "best"), "write model/best:ALIAS, for example model/best:latest"),
        (("a", "b", "c", "d"), "write a/b:ALIAS"),
        (("-", "b", "ä"), "allowed are"),
    ],
)
def test_N4_references(wabucket: Run, floors: Floors, words: tuple[str, ...], hint: str) -> None:
    ran = wabucket("download", "--", *words)
    assert (ran.code, floors.calls) == (2, [])
    assert hint in ran.err.splitlines()[1]


@pytest.mark.row("N3")
def test_N3_names_that_start_with_a_dash_work_after_the_dashes(wabucket: Run, floors: Floors) -> None:
    floors.answers["download"] = download_result()
    assert wabucket("download", "--", "-model", "best", "v1").code == 0
    assert str(floors.calls[0][1][0]) == "-model/best:v1"


@pytest.mark.row("M5", "N1")
@pytest.mark.parametrize(
    "options",
    [
        ("-n", "a b", "-t", "t"),
        ("-n", "a", "-t", ""),
        ("-n", "a", "-t", "t", "-a", "latest"),
        ("-n", "a", "-t", "t", "-a", "!other"),
        ("-n", "a", "-t", "t", "-m", "K"),
        ("-n", "a", "-t", "t", "-m", "=v"),
        ("-n", "a", "-t", "t", "-m", "k=1", "-m", "k=2"),
    ],
)
def test_M5_N1_bad_values_fail_before_anything_is_opened(
    wabucket: Run, floors: Floors, options: tuple[str, ...]
) -> None:
    ran = wabucket("upload", "src", *options)
    assert (ran.code, ran.out, floors.opened) == (2, "", {})
    assert "hint: " in ran.err


@pytest.mark.row("M5")
def test_M5_run_args_that_cannot_be_read(wabucket: Run, floors: Floors) -> None:
    ran = wabucket("download", "a/b:c", "--run_args", "--lr 'open")
    assert (ran.code, floors.opened) == (2, {})
    assert "--run_args" in ran.err


def test_upload_passes_everything_on(wabucket: Run, floors: Floors) -> None:
    floors.answers["upload"] = upload_result()
    ran = wabucket(
        *UPLOAD, "-a", "!run-config-hash", "-m", "k=v=w", "-m", "n=1", "-s", "X", "--outputs", "github", "--include",
        "*.py", "--include", "*.md", "--exclude", "b", "--overwrite", "--no-reff", "--dry-run",
    )  # fmt: skip
    assert (ran.code, ran.out) == (0, "dataset/cats:first\n")
    assert floors.calls == [
        (
            "upload",
            ("data", "cats", "dataset", "!run-config-hash"),
            {
                "metadata": {"k": "v=w", "n": "1"},
                "suffix": "X",
                "include": ("*.py", "*.md"),
                "exclude": ("b",),
                "overwrite": True,
                "as_reference": False,
                "dry_run": True,
            },
        )
    ]
    assert floors.opened["outputs"] == "github"
    assert floors.opened["echo"] is not None
    assert floors.closed == 1


def test_outputs_do_not_print_beside_json(wabucket: Run, floors: Floors) -> None:
    floors.answers["upload"] = upload_result()
    assert json.loads(wabucket("--json", *UPLOAD).out)["artifact"]["alias"] == "first"
    assert floors.opened["echo"] is None


def test_link_passes_everything_on(wabucket: Run, floors: Floors) -> None:
    floors.answers["link"] = upload_result()
    assert wabucket("link", "raw/x", "-n", "cats", "-t", "dataset", "-m", "a=b").out == "dataset/cats:first\n"
    assert floors.calls[0][1:] == (("raw/x", "cats", "dataset", None), {"metadata": {"a": "b"}, "suffix": None})


def test_adopt_takes_one_or_all_of_a_kind(wabucket: Run, floors: Floors) -> None:
    floors.answers |= {"adopt": upload_result(), "adopt_all": Adopted([upload_result(), upload_result()])}
    assert wabucket("adopt", "dataset/cats:first").out == "dataset/cats:first\n"
    assert wabucket("adopt", "dataset/cats", "--dry-run").out == "dataset/cats:first\n" * 2
    wabucket("adopt", "dataset")
    assert [call[1:] for call in floors.calls] == [
        ((ArtifactRef("dataset", "cats", "first"),), {"dry_run": False}),
        (("dataset", "cats"), {"dry_run": True}),
        (("dataset", None), {"dry_run": False}),
    ]
    assert wabucket("adopt", "a/b/c").code == 2


@pytest.mark.parametrize("spelling", ["-a", "--run_args", "--run-args"])
def test_download_takes_both_forms(wabucket: Run, floors: Floors, spelling: str) -> None:
    floors.answers["download"] = download_result()
    old = wabucket("download", "dataset", "cats", "first", "-d", "out", spelling, "--lr 0.1")
    new = wabucket("download", "dataset/cats:first", "-d", "out", spelling, "lr=0.1")
    assert (old.code, old.out) == (0, "dataset/cats/first\n")
    assert old == new
    assert floors.calls[0] == floors.calls[1]
    assert floors.calls[0][2]["run_args"] == {"lr": 0.1}


def test_alias_sets_and_removes(wabucket: Run, floors: Floors) -> None:
    floors.answers |= {"set_aliases": artifact(aliases=("first", "prod")), "remove_alias": artifact()}
    assert wabucket("alias", "dataset/cats:v0", "prod").out == "dataset/cats:first\ndataset/cats:prod\n"
    assert wabucket("alias", "--remove", "dataset/cats:prod").code == 0
    assert [call[0] for call in floors.calls] == ["set_aliases", "remove_alias"]
    for wrong in (("a/b:c",), ("--remove", "a/b:c", "d"), ("a/b:c", "latest"), ("a/b:c", "x y")):
        assert wabucket("alias", *wrong).code == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(wabucket: Run, shell: str) -> None:
    ran = wabucket("completion", shell)
    assert ran.code == 0
    assert "_WABUCKET_COMPLETE" in ran.out


def test_completion_completes(wabucket: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_WABUCKET_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "wabucket up")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert "upload" in wabucket().out
