"""Runs through W&B's own SDK: resumed, synced, read back by its public API, deleted."""

import pytest

from tests.server.sdk import Sdk

LOGGED = """
with wandb.init(project="p", id="{id}", name="{id}", config={{"rate": {rate}, "deep": {{"n": {rate}}}}},
                group="{group}", job_type="train", notes="hello", tags={tags!r}) as run:
    for step in range({steps}):
        run.log({{"loss": {rate} / (step + 1), "nested": {{"a": step}}}})
    run.summary["best"] = {rate}
"""


@pytest.fixture
def three(sdk: Sdk) -> Sdk:
    """Three runs in project ``p``, made in one process."""
    runs = [("one", 0.1, "g", ["x", "y"], 3), ("two", 0.2, "g", ["y"], 4), ("three", 0.3, "h", [], 5)]
    sdk.run(
        "\n".join(
            LOGGED.format(id=name, rate=rate, group=group, tags=tags, steps=steps)
            for name, rate, group, tags, steps in runs
        )
    )
    return sdk


def test_the_public_api_reads_what_was_logged(three: Sdk) -> None:
    found = three.run(
        """
        api = wandb.Api()
        me = api.default_entity
        run = api.run(f"{me}/p/three")
        ids = lambda **given: [one.id for one in api.runs(f"{me}/p", per_page=2, **given)]
        answer = {
            "entity": me,
            "viewer": [api.viewer.username, api.viewer.entity],
            "run": [run.id, run.name, run.state, run.group, run.job_type, run.notes, run.tags, run.user.username],
            "config": run.config,
            "best": run.summary["best"],
            "last": run.lastHistoryStep,
            "history": run.history(pandas=False),
            "sampled": run.history(keys=["loss", "nested.a"], pandas=False),
            "some": len(run.history(samples=2, pandas=False)),
            "scan": list(run.scan_history(page_size=2)),
            "scan_keys": list(run.scan_history(keys=["loss"], min_step=1, max_step=3)),
            "all": ids(),
            "newest": ids(order="-created_at"),
            "by_rate": ids(order="-config.rate.value"),
            "by_best": ids(order="+summary_metrics.best"),
            "group": ids(filters={"group": "g"}),
            "config_filter": ids(filters={"config.rate.value": {"$gt": 0.15}, "state": "finished"}),
            "either": ids(filters={"$or": [{"display_name": "one"}, {"summary_metrics.best": {"$gte": 0.3}}]}),
            "tagged": ids(filters={"tags": {"$in": ["y"]}}),
            "regex": ids(filters={"display_name": {"$regex": "^t.*e"}}),
            "none": [len(api.runs(f"{me}/p", filters={"group": "nobody"})), len(api.runs(f"{me}/p"))],
            "projects": [one.name for one in api.projects(me)],
            "project": [api.project("p", me).name, api.project("p", me).entity],
        }
        """
    )
    assert found["viewer"] == [three.user, three.user]
    assert found["run"] == ["three", "three", "finished", "h", "train", "hello", [], three.user]
    assert found["config"] == {"rate": 0.3, "deep": {"n": 0.3}}
    assert (found["best"], found["last"], found["some"]) == (0.3, 4, 2)
    assert [row["_step"] for row in found["history"]] == [0, 1, 2, 3, 4]
    assert [row["nested.a"] for row in found["sampled"]] == [0, 1, 2, 3, 4]
    assert [row["loss"] for row in found["scan"]] == [0.3 / (step + 1) for step in range(5)]
    assert [(row["_step"], row["loss"]) for row in found["scan_keys"]] == [(1, 0.15), (2, 0.3 / 3)]
    assert found["all"] == ["one", "two", "three"]
    assert found["newest"] == found["by_rate"] == ["three", "two", "one"]
    assert found["by_best"] == found["all"]
    assert found["group"] == ["one", "two"]
    assert found["config_filter"] == ["two", "three"]
    assert found["either"] == ["one", "three"]
    assert found["tagged"] == ["one", "two"]
    assert found["regex"] == ["three"]
    assert found["none"] == [0, 3]
    assert (found["projects"], found["project"]) == (["p"], ["p", three.user])


def test_the_public_api_changes_and_deletes(three: Sdk) -> None:
    found = three.run(
        """
        api = wandb.Api()
        run = api.run("p/one")
        run.tags, run.notes, run.display_name = ["new"], "other", "renamed"
        run.config["added"] = 1
        del run.config["deep"]
        run.summary["best"] = 9
        run.update()
        again = wandb.Api().run("p/one")
        api.run("p/two").delete()
        created = api.create_run(run_id="made", project="p")
        waiting = wandb.apis.public.Run.create(api, run_id="waiting", project="p", state="pending")
        waiting.update_state("failed")
        answer = {
            "again": [again.tags, again.notes, again.name, again.config, again.summary["best"]],
            "left": [one.id for one in wandb.Api().runs("p")],
            "created": created.state,
            "waiting": wandb.Api().run("p/waiting").state,
        }
        """
    )
    assert found["again"] == [["new"], "other", "renamed", {"rate": 0.1, "added": 1}, 9]
    assert found["left"] == ["one", "three", "made", "waiting"]
    assert (found["created"], found["waiting"]) == ("running", "failed")
    shown = three.server.wabucket("-p", "p", "--entity", three.user, "runs")["items"]
    assert {item["id"] for item in shown} == {"one", "three", "made", "waiting"}


def test_a_run_is_resumed_where_it_stopped(sdk: Sdk) -> None:
    found = sdk.run(
        """
        for resume in ("never", "must", "allow"):
            with wandb.init(project="p", id="again", resume=resume, config={resume: True}) as run:
                start = run.starting_step
                run.log({"a": resume})
                run.log({"b": start})
        try:
            wandb.init(project="p", id="nothing", resume="must")
            refused = None
        except Exception as error:
            refused = str(error)
        run = wandb.Api().run("p/again")
        answer = [run.config, list(run.scan_history()), run.state, refused]
        """
    )
    config, rows, state, refused = found
    assert config == {"never": True, "must": True, "allow": True}
    assert [row["_step"] for row in rows] == [0, 1, 2, 3, 4, 5]
    assert [row["b"] for row in rows if "b" in row] == [0, 2, 4]
    assert state == "finished"
    assert "nothing" in refused


@pytest.mark.row("M1")
def test_numbers_that_json_lacks_come_back(sdk: Sdk) -> None:
    found = sdk.run(
        """
        odd = {"nan": float("nan"), "inf": float("inf"), "neg": float("-inf")}
        with wandb.init(project="p", id="odd", config=odd) as run:
            run.log(odd)
            run.log({"nan": 1.0})
            run.summary.update(odd)
        with wandb.init(project="p", id="odd", resume="must") as run:
            run.log({"nan": 2.0})
        run = wandb.Api().run("p/odd")
        text = lambda rows: [[str(row.get(key)) for key in odd] for row in rows]
        answer = {
            "config": text([run.config]), "summary": text([run.summary]),
            "history": text(run.history(pandas=False)), "scan": text(run.scan_history()),
            "sampled": text(run.history(keys=list(odd), pandas=False)),
            "scan_keys": text(run.scan_history(keys=list(odd))),
        }
        """
    )
    first = ["nan", "inf", "-inf"]
    as_text = ["NaN", "Infinity", "-Infinity"]
    assert found["config"][0][1:] == first[1:], "a NaN in the config is dropped by the SDK itself"
    assert found["summary"][0][1:] in (first[1:], as_text[1:])
    assert found["history"][0] in (first, as_text)
    assert len(found["history"]) == len(found["scan"]) == 3
    assert found["scan"][0] in (first, as_text)
    assert found["sampled"] in ([first], [as_text])
    assert found["scan_keys"] in ([first], [as_text])


def test_an_offline_run_is_synced_once_however_often(sdk: Sdk) -> None:
    made = sdk.run(
        """
        settings = wandb.Settings(console="wrap")
        with wandb.init(project="p", id="off", mode="offline", config={"a": 1}, settings=settings) as run:
            for step in range(20):
                print(step)
                run.log({"x": step})
            answer = os.path.dirname(run.dir)
        """
    )
    for again in ([], [], ["--include-synced"]):
        synced = sdk.cli("sync", *again, made)
        assert synced.returncode == 0, synced.stdout + synced.stderr
    found = sdk.run(
        """
        run = wandb.Api().run("p/off")
        asked = hasattr(run, "console_logs")  # since 0.31
        lines = [line.content for line in run.console_logs()] if asked else list(map(str, range(20)))
        answer = [run.state, run.config, [row["x"] for row in run.scan_history()], lines]
        """
    )
    assert found == ["finished", {"a": 1}, list(range(20)), list(map(str, range(20)))]


def test_a_run_that_is_begun_anew_has_nothing_of_what_it_was(sdk: Sdk) -> None:
    found = sdk.run(
        """
        for session, steps in ((1, 5), (2, 3)):
            with wandb.init(project="p", id="same", settings=wandb.Settings(console="wrap")) as run:
                for step in range(steps):
                    print(f"line {step} of {session}")
                    run.log({"x": [session, step]})
        run = wandb.Api().run("p/same")
        asked = hasattr(run, "console_logs")  # since 0.31
        lines = [line.content for line in run.console_logs()] if asked else None
        answer = [[row["x"] for row in run.scan_history()], lines]
        """
    )
    assert found[0] == [[2, 0], [2, 1], [2, 2]]
    assert found[1] in (None, [f"line {step} of 2" for step in range(3)])


def test_files_console_and_metadata_of_a_run(sdk: Sdk) -> None:
    (sdk.directory).mkdir(parents=True, exist_ok=True)
    (sdk.directory / "sub").mkdir()
    (sdk.directory / "sub" / "data.bin").write_bytes(bytes(range(256)) * 5000)
    (sdk.directory / "odd <b>&#?%41 name.txt").write_text("first")
    found = sdk.run(
        """
        with wandb.init(project="p", id="filed", settings=wandb.Settings(console="wrap")) as run:
            wandb.save("sub/data.bin", base_path=".", policy="now")
            run.log({"table": wandb.Table(columns=["a"], data=[[1]])})
            print("to the console")
            print("and to stderr", file=sys.stderr)
        api = wandb.Api()
        run = api.run("p/filed")
        run.upload_file("odd <b>&#?%41 name.txt")
        open("odd <b>&#?%41 name.txt", "w").write("second and longer")
        again = run.upload_file("odd <b>&#?%41 name.txt")
        names = {file.name: file.size for file in run.files(per_page=2)}
        run.file("sub/data.bin").download(root="down")
        run.file(again.name).download(root="down")
        media = [file.name for file in run.files(pattern="media/%")]
        asked = hasattr(run, "console_logs")  # since 0.31
        logs = [line.content for line in run.console_logs()] if asked else None
        tail = [line.content for line in run.console_logs(last=1)] if asked else None
        run.file("sub/data.bin").delete()
        answer = {
            "names": names,
            "odd": again.name,
            "metadata": run.metadata["program"] if run.metadata else None,
            "media": media,
            "logs": logs,
            "tail": tail,
            "left": [file.name for file in wandb.Api().run("p/filed").files()],
        }
        """
    )
    names = found["names"]
    assert names["sub/data.bin"] == 256 * 5000
    assert {"config.yaml", "wandb-metadata.json", "wandb-summary.json", "output.log"} <= set(names)
    assert (sdk.directory / "down" / "sub" / "data.bin").read_bytes() == bytes(range(256)) * 5000
    assert (sdk.directory / "down" / found["odd"]).read_text() == "second and longer"
    assert names[found["odd"]] == len("second and longer")
    assert len(found["media"]) == 1
    assert found["media"][0].startswith("media/table/")
    if found["logs"] is not None:
        assert {"to the console", "and to stderr"} <= set(found["logs"])
        assert found["tail"] == found["logs"][-1:]
    assert "sub/data.bin" not in found["left"]
    assert not [path for path in (sdk.server.home / "served").rglob("*") if "data" in path.name], "names are no paths"
