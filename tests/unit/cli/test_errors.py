"""Every failure is two lines (or one document) and an exit code."""

import json
import logging
from collections.abc import Callable

import pytest

from tests.unit.cli.conftest import Floors, Ran
from tests.unit.cli.samples import artifact, damage, upload_result, verify_all_result, verify_result
from wabucketref.cli.root import EXIT_CODES
from wabucketref.errors import (
    AliasTaken,
    IntegrityError,
    Interrupted,
    NotAuthorised,
    NotFound,
    Terminated,
    TrackingPending,
    TransientError,
    UsageError,
    WaBucketError,
)
from wabucketref.model.audit import CheckedVersion, Finding

Run = Callable[..., Ran]
UPLOAD = ("upload", "data", "-n", "cats", "-t", "dataset")
KINDS = (
    WaBucketError, UsageError, NotFound, NotAuthorised, TransientError, AliasTaken, IntegrityError, TrackingPending,
    Interrupted, Terminated,
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_its_exit_code(wabucket: Run, floors: Floors, kind: type[WaBucketError]) -> None:
    floors.answers["upload"] = kind("it broke", hint="mend it")
    ran = wabucket(*UPLOAD)
    assert (ran.code, ran.out, ran.err) == (kind.exit_code, "", "error: it broke\nhint: mend it\n")
    assert ran.code in EXIT_CODES
    document = json.loads(wabucket(*UPLOAD, "--json").out)
    assert document["error"]["code"] == kind.exit_code


def test_quiet_still_says_why_it_failed(wabucket: Run, floors: Floors) -> None:
    floors.answers["upload"] = NotFound("gone", hint="look elsewhere")
    assert wabucket("-q", *UPLOAD).err == "error: gone\nhint: look elsewhere\n"


def test_an_unexpected_exception_is_an_internal_error_without_traceback(wabucket: Run, floors: Floors) -> None:
    floors.answers["upload"] = RuntimeError("at https://key:hunter22@host/x?sig=abc")
    ran = wabucket(*UPLOAD)
    assert ran.code == 1
    assert ran.err.startswith("error: internal error: RuntimeError: at https://")
    assert "-v" in ran.err.splitlines()[1]
    assert "Traceback" not in ran.err
    assert "hunter22" not in ran.err


@pytest.mark.row("X19")
def test_verbose_shows_the_traceback_without_secrets(wabucket: Run, floors: Floors) -> None:
    floors.answers["upload"] = RuntimeError("at https://key:hunter22@host/x")
    ran = wabucket("-v", *UPLOAD)
    assert "Traceback" in ran.err
    assert "hunter22" not in ran.err


@pytest.mark.row("X6")
def test_hostile_text_in_errors_is_escaped(wabucket: Run, floors: Floors) -> None:
    floors.answers["upload"] = NotFound("no '\x1b[31m\n::set-output x\u202e'")
    assert wabucket(*UPLOAD).err == "error: no '\\x1b[31m\\n::set-output x\\u202e'\nhint: check the name\n"


def test_pending_tracking_still_prints_the_reference(wabucket: Run, floors: Floors) -> None:
    pending = TrackingPending("the tracker was not reached", hint="run `wabucket sync`")
    pending.result = upload_result(tracking="pending")  # type: ignore[attr-defined]
    floors.answers["upload"] = pending
    ran = wabucket(*UPLOAD)
    assert (ran.code, ran.out) == (8, "dataset/cats:first\n")
    document = json.loads(wabucket("--json", *UPLOAD).out)
    assert (document["tracking"], document["error"]["code"]) == ("pending", 8)


def test_offline_is_no_error(wabucket: Run, floors: Floors) -> None:
    floors.answers["upload"] = upload_result(tracking="pending")
    ran = wabucket("--json", *UPLOAD)
    assert (ran.code, json.loads(ran.out)["tracking"]) == (0, "pending")


def test_damage_is_listed_and_ends_with_7(wabucket: Run, floors: Floors) -> None:
    floors.answers["verify"] = verify_result(damage("a\n.txt"))
    ran = wabucket("verify", "dataset/cats:first")
    assert ran.code == 7
    assert "  a\\n.txt: digest, expected blake3:ab" in ran.out
    assert ran.err.startswith("error: dataset/cats:first is damaged: 1 file of 2")
    document = json.loads(wabucket("verify", "dataset/cats:first", "--json").out)
    assert (document["error"]["code"], document["damage"][0]["problem"]) == (7, "digest")


def test_verify_without_damage(wabucket: Run, floors: Floors) -> None:
    floors.answers["verify"] = verify_result()
    ran = wabucket("verify", "dataset/cats:first", "--deep")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("dataset/cats:first: ok (2 files, 2.0 KiB, every byte read)")
    assert floors.calls[0][1][1] is True


def test_verify_all_says_by_its_code_how_bad_it_is(wabucket: Run, floors: Floors) -> None:
    waiting = Finding("waiting", "r\n1", "run `wabucket sync`")
    unrecorded = CheckedVersion(artifact(), "ok", recorded=False)
    damaged = CheckedVersion(artifact(), "damaged", damage=(damage(),), extra=("stray",))
    for items, findings, code in (
        ((), (), 0),
        ((CheckedVersion(artifact(), "ok"),), (Finding("orphan", "k", "old"),), 0),
        ((CheckedVersion(artifact(version=None), "unverifiable"),), (), 0),
        ((), (waiting,), 8),
        ((unrecorded,), (), 8),
        ((CheckedVersion(artifact(), "pending"),), (), 8),
        ((damaged,), (waiting,), 7),
        ((CheckedVersion(artifact(), "gone", recorded=False),), (), 7),
    ):
        floors.answers["verify_all"] = verify_all_result(*items, findings=findings)
        ran = wabucket("verify", "--all")
        assert ran.code == code, (items, findings, ran)
        document = json.loads(wabucket("--json", "verify", "--all").out)
        assert [one["state"] for one in document["items"]] == [one.state for one in items]
        assert document.get("error", {"code": 0})["code"] == code


def test_verify_all_lists_only_what_needs_attention(wabucket: Run, floors: Floors) -> None:
    damaged = CheckedVersion(artifact(alias="b"), "damaged", damage=(damage("a\n.txt"),), extra=("stray",))
    findings = (Finding("waiting", "r\n1", "run `wabucket sync`"),)
    floors.answers["verify_all"] = verify_all_result(CheckedVersion(artifact(), "ok"), damaged, findings=findings)
    assert wabucket("verify", "--all", "--deep").out.splitlines() == [
        "dataset/cats:b: damaged",
        f"  a\\n.txt: digest, expected {artifact().digest}, found blake3:{'cd' * 32}",
        "  stray: not in the manifest",
        "journal r\\n1: run `wabucket sync`",
        "2 versions (4.0 KiB, presence and sizes): 1 ok, 1 damaged",
    ]
    assert floors.calls[0][1][0] is True


@pytest.mark.parametrize("arguments", [(), ("--deep",), ("dataset/cats:first", "--all")])
def test_verify_takes_an_artifact_or_all(wabucket: Run, floors: Floors, arguments: tuple[str, ...]) -> None:
    ran = wabucket("verify", *arguments)
    assert ran.code == 2
    assert "wabucket verify --all" in ran.err
    assert not floors.opened


def test_ctrl_c_is_130(wabucket: Run, floors: Floors) -> None:
    floors.answers["upload"] = KeyboardInterrupt()
    ran = wabucket(*UPLOAD)
    assert (ran.code, ran.err.splitlines()[0]) == (130, "error: interrupted")
    assert floors.closed == 1


def test_log_records_are_shown_by_level(wabucket: Run, floors: Floors) -> None:
    def answer(_: Floors) -> object:
        logging.getLogger("wabucketref.store").warning("slow at https://k:hunter22@h/x")
        logging.getLogger("wabucketref.store").debug("detail")
        return upload_result()

    floors.answers["upload"] = answer
    assert wabucket(*UPLOAD).err == "warning: slow at https://********@h/x\n"
    assert wabucket("-q", *UPLOAD).err == ""
    assert "debug: store: detail" in wabucket("-v", *UPLOAD).err
    assert not logging.getLogger("wabucketref").handlers


@pytest.mark.row("X19")
@pytest.mark.parametrize("arguments", [(), ("-v",), ("--json",)])
def test_X19_secrets_among_the_settings_are_cut(wabucket: Run, floors: Floors, arguments: tuple[str, ...]) -> None:
    def answer(_: Floors) -> object:
        logging.getLogger("wabucketref.store").warning("key canary-7f")
        raise NotAuthorised("refused canary-7f", hint="is canary-7f right?") from RuntimeError("canary-7f")

    floors.answers["upload"] = answer
    ran = wabucket(*arguments, *UPLOAD)
    assert ran.code == 4
    assert "refused ********" in ran.out + ran.err
    assert "canary-7f" not in ran.out + ran.err
