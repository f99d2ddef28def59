"""``WaBucketRefAPI`` with the embedded tracker and a local bucket: sessions, results, and what wandb.run is."""

import asyncio
import os
import threading
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import wandb

from tests.faults import trees
from wabucketref import (
    ArtifactRef,
    Conflict,
    DownloadResult,
    IntegrityError,
    NotFound,
    SettingsError,
    Ticket,
    UploadResult,
    UsageError,
    WaBucketError,
    WaBucketRefAPI,
)
from wabucketref.model.run import RunInfo
from wabucketref.operations import look
from wabucketref.runs import active
from wabucketref.settings import load_settings
from wabucketref.wiring import open_workspace

Make = Callable[..., WaBucketRefAPI]
WANDB = {name: getattr(wandb, name) for name in ("run", "log", "config", "summary")}


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes APIs of one home; those left open are closed."""
    made: list[WaBucketRefAPI] = []

    def api(**settings: Any) -> WaBucketRefAPI:
        given = {"home": str(tmp_path / "home"), "tracker": "embedded", **settings}
        made.append(WaBucketRefAPI("bucket-name", "my-project", "ana", settings=given))
        return made[-1]

    yield api
    for one in made:
        one.close()
    assert active.active() is None
    assert {name: getattr(wandb, name) for name in WANDB} == WANDB, "wandb is as it was"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return trees.make(tmp_path / "src", trees.TWO_FILES)


def runs(tmp_path: Path) -> list[RunInfo]:
    """All runs of the project, oldest first."""
    settings = load_settings(
        {"project_name": "my-project", "entity": "ana", "home": str(tmp_path / "home"), "tracker": "embedded"}
    )
    with open_workspace(settings) as workspace:
        return list(reversed(look.list_runs(workspace)))


def journals(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "home" / "journal").iterdir())


def test_the_example_of_the_readme(make: Make, source: Path, tmp_path: Path) -> None:
    with make() as api:
        api.upload_artifact(source, "name", "type", "version")
    with make() as api:
        folder = api.download_artifact("name", "type", "version")
        assert trees.read(folder, without="") == trees.TWO_FILES
        wandb.run.log({"loss": 0.5})
        alias = api.upload_artifact(folder / "a.txt", "my-model", "model")
    first, second = runs(tmp_path)
    assert (first.outputs, second.inputs) == (("type/name:version",), ("type/name:version",))
    assert second.outputs == (f"model/my-model:{alias}",)
    assert second.summary == {"loss": 0.5}
    assert {str(run.state) for run in (first, second)} == {"finished"}
    assert journals(tmp_path) == []


def test_nothing_is_recorded_before_the_first_use(make: Make, tmp_path: Path) -> None:
    api = make()
    assert api.run is None
    assert list(api.list()) == []
    api.close()
    api.close()
    assert runs(tmp_path) == []


def test_wandb_is_the_active_run(make: Make, tmp_path: Path) -> None:
    api = make()
    run = api.wandb_start_run("first", "train", {"lr": 0.1})
    assert wandb.run is run is api.run is active.active()
    wandb.log({"loss": 1})
    wandb.config.update({"depth": 3})
    wandb.summary["best"] = 1
    wandb.run.tags = ("x",)
    with pytest.raises(WaBucketError, match="not supported"):
        wandb.run.watch(None)
    api.close()
    (found,) = runs(tmp_path)
    assert (found.name, found.job_type, found.tags) == ("first", "train", ("x",))
    assert {key: found.config[key] for key in ("lr", "depth")} == {"lr": 0.1, "depth": 3}
    assert found.summary == {"loss": 1, "best": 1}


def test_two_apis_are_two_runs(make: Make, tmp_path: Path) -> None:
    one, two = make(), make()
    first, second = one.wandb_start_run("one"), two.wandb_start_run("two")
    assert wandb.run is second
    one.close()
    assert wandb.run is second
    three = make()
    third = three.wandb_start_run("three")
    two.close()
    assert wandb.run is third
    three.close()
    assert [run.name for run in runs(tmp_path)] == ["one", "two", "three"]
    assert first.finished


def test_wandb_run_is_seen_from_every_thread(make: Make) -> None:
    run = make().wandb_start_run()
    seen: list[Any] = []
    thread = threading.Thread(target=lambda: seen.append(wandb.run))
    thread.start()
    thread.join(5)
    assert seen == [run]


def test_a_run_finished_by_hand_is_followed_by_another(make: Make, source: Path, tmp_path: Path) -> None:
    api = make()
    api.wandb_start_run("one")
    wandb.run.finish()
    assert api.run is None
    assert wandb.run is WANDB["run"]
    api.upload(source, "cats", "dataset", "one")
    api.close()
    assert [len(run.outputs) for run in runs(tmp_path)] == [0, 1]


@pytest.mark.parametrize("args", [{"lr": 1}, Namespace(lr=1), "lr=1", '{"lr": 1}', "--lr 1"])
def test_arguments_of_a_run(make: Make, tmp_path: Path, args: Any) -> None:
    api = make()
    api.wandb_start_run(run_args=args)
    api.close()
    (run,) = runs(tmp_path)
    assert str(run.config["lr"]) == "1"


def test_a_second_run_at_once_is_refused(make: Make) -> None:
    api = make()
    api.wandb_start_run()
    with pytest.raises(UsageError, match="is active"):
        api.wandb_start_run()


def test_results(make: Make, source: Path, tmp_path: Path) -> None:
    with make() as api:
        result = api.upload(source, "cats", "dataset", "one", metadata={"a": 1}, include=["*.txt"])
        assert isinstance(result, UploadResult)
        assert (result.alias, result.ref, result.tracking, result.artifact.files) == (
            "one",
            "dataset/cats:one",
            "recorded",
            1,
        )
        fetched = api.download("cats", "dataset", destination=tmp_path / "out")
        assert isinstance(fetched, DownloadResult)
        assert (fetched.path, fetched.verified) == (tmp_path / "out", True)
        assert [item.version for item in api.list("dataset")] == ["v0"]
        assert [entry.path for entry in api.show("dataset/cats:one", files=True).files or ()] == ["a.txt"]
        assert api.verify("dataset/cats:one", deep=True).damage == ()
        assert api.run is not None
        found = api.lineage("dataset/cats:one")
        assert found.produced_by is not None
        assert found.produced_by.id == api.run.id


def test_a_ticket(make: Make, source: Path, tmp_path: Path) -> None:
    with make() as api:
        ticket = api.upload(source, "cats", "dataset", "one", wait=False)
        assert isinstance(ticket, Ticket)
        assert ticket.wait(30).ref == "dataset/cats:one"
        assert ticket.done()
        later = api.download("cats", "dataset", "one", tmp_path / "out", wait=False)
        result = asyncio.run(_awaited(later))
        assert result.path == tmp_path / "out"
        unwatched = api.upload(source, "cats", "dataset", "two", wait=False)
    assert unwatched.wait(5).alias == "two", "close() waited for it, and its result is there"
    assert [item.alias for item in make().list()] == ["two"] or len(make().list()) == 2


async def _awaited(ticket: Ticket[DownloadResult]) -> DownloadResult:
    return await ticket


def test_errors_are_ours_and_the_built_ins(make: Make, source: Path, tmp_path: Path) -> None:
    with make() as api:
        with pytest.raises(FileNotFoundError) as missing:
            api.upload_artifact(tmp_path / "nothing", "cats", "dataset")
        assert isinstance(missing.value, NotFound)
        with pytest.raises(NotFound):
            api.download_artifact("cats", "dataset", "nope")
        with pytest.raises(ValueError, match="does not exist or not a directory"):
            api.link("no/such", "cats", "dataset")
        with pytest.raises(UsageError, match="latest"):
            api.upload_artifact(source, "cats", "dataset", "latest")
        api.upload_artifact(source, "cats", "dataset", "one")
        (source / "a.txt").write_text("other")
        with pytest.raises(FileExistsError) as taken:
            api.upload_artifact(source, "cats", "dataset", "one")
        assert isinstance(taken.value, Conflict)
        assert (taken.value.exit_code, taken.value.retryable) == (6, False)
        with pytest.raises(IntegrityError):
            api.show(f"dataset/cats:one@blake3:{'0' * 64}")


def test_the_block_says_how_the_run_ended(make: Make, tmp_path: Path) -> None:
    for error in (ValueError("x"), KeyboardInterrupt(), SystemExit(), SystemExit(3), NotFound("x")):
        with pytest.raises(type(error)):
            _fail_in_a_block(make(), error)
    assert [(str(run.state), run.exit_code) for run in runs(tmp_path)] == [
        ("failed", 1),
        ("killed", 130),
        ("finished", 0),
        ("failed", 3),
        ("failed", 3),
    ]


def _fail_in_a_block(api: WaBucketRefAPI, error: BaseException) -> None:
    with api:
        api.wandb_start_run()
        raise error


def test_a_closed_api_refuses(make: Make, source: Path) -> None:
    api = make()
    api.wandb_start_run()
    api.close()
    for use in (
        lambda: api.upload(source, "cats", "dataset"),
        lambda: api.list(),
        lambda: api.wandb_start_run(),
    ):
        with pytest.raises(UsageError, match="closed"):
            use()


def test_what_the_settings_refuse(make: Make, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no project"):
        WaBucketRefAPI("bucket", settings={"home": str(tmp_path)})
    with pytest.raises(SettingsError):
        make(concurrency=0)
    settings = load_settings({"project_name": "p", "home": str(tmp_path / "home")})
    with pytest.raises(UsageError, match="either"):
        WaBucketRefAPI("bucket", settings=settings)


def test_without_a_tracker(make: Make, source: Path, tmp_path: Path) -> None:
    with make(tracker="disabled") as api:
        result = api.upload(source, "cats", "dataset", "one")
        wandb.log({"a": 1})
        assert result.tracking == "disabled"
        assert trees.read(api.download_artifact("cats", "dataset", "one"), without="") == trees.TWO_FILES
    assert not (tmp_path / "home" / "catalog.sqlite").exists()


def test_offline_and_then_sync(make: Make, source: Path, tmp_path: Path) -> None:
    from wabucketref.operations.sync import sync

    with make(mode="offline") as api:
        assert api.upload(source, "cats", "dataset", "one").tracking == "pending"
        wandb.log({"a": 1})
    assert len(journals(tmp_path)) == 1
    settings = load_settings({"project_name": "my-project", "home": str(tmp_path / "home"), "tracker": "embedded"})
    with open_workspace(settings) as workspace:
        (item,) = sync(workspace).items
    assert item.outcome == "recorded"
    (run,) = runs(tmp_path)
    assert (str(run.state), run.outputs, run.summary) == ("finished", ("dataset/cats:one",), {"a": 1})


def test_terminal_output_on_request(make: Make, tmp_path: Path) -> None:
    with make(console="on") as api:
        api.wandb_start_run()
        print("hello from the program")
    print("not recorded")
    (run,) = runs(tmp_path)
    assert str(run.state) == "finished"


def test_many_threads_share_a_session(make: Make, tmp_path: Path) -> None:
    results: list[UploadResult] = []
    sources = [trees.make(tmp_path / f"src{number}", {"a": str(number).encode()}) for number in range(16)]
    with make() as api:

        def work(number: int) -> None:
            results.append(api.upload(sources[number], "cats", "dataset", f"a{number}"))
            wandb.log({"number": number})

        threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert {result.artifact.version for result in results} == {f"v{number}" for number in range(16)}
    (run,) = runs(tmp_path)
    assert len(run.outputs) == 16


def test_closing_while_others_upload(make: Make, tmp_path: Path) -> None:
    api = make()
    api.wandb_start_run()
    outcomes: list[Any] = []
    sources = [trees.make(tmp_path / f"src{number}", {"a": os.urandom(200_000)}) for number in range(8)]

    def work(number: int) -> None:
        try:
            outcomes.append(api.upload(sources[number], "cats", "dataset", f"a{number}"))
        except WaBucketError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(0.02)
    api.close()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert len(outcomes) == 8
    done = [one for one in outcomes if isinstance(one, UploadResult)]
    assert all(one.tracking == "recorded" for one in done)
    assert sum(len(run.outputs) for run in runs(tmp_path)) == len(done)
    assert journals(tmp_path) == []


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_forked_child_is_told_and_the_parent_goes_on(make: Make, source: Path, tmp_path: Path) -> None:
    api = make()
    run = api.wandb_start_run()
    with api._lock, run._lock, run.config._lock:
        pid = os.fork()
        if pid == 0:
            uses = (
                lambda: api.upload(source, "cats", "dataset"),
                lambda: run.log({"a": 1}),
                lambda: run.config.update(a=1),
                lambda: wandb.run.finish(),
                lambda: api.list(),
            )
            told = 0
            for use in uses:
                try:
                    use()
                except UsageError as error:
                    told += "parent process" in str(error)
            api.close()
            os._exit(told)
        end = time.monotonic() + 20
        done, status = 0, 0
        while not done and time.monotonic() < end:
            done, status = os.waitpid(pid, os.WNOHANG)
            time.sleep(0.01)
        if not done:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
    assert done, "the child hangs"
    assert os.waitstatus_to_exitcode(status) == 5
    api.upload(source, "cats", "dataset", "one")
    api.close()
    (found,) = runs(tmp_path)
    assert (str(found.state), len(found.outputs)) == ("finished", 1)


def test_references_are_public() -> None:
    assert str(ArtifactRef.parse("dataset/cats:one")) == "dataset/cats:one"
