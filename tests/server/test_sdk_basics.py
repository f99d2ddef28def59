"""W&B's SDK, unmodified, against the server: what a plain session leaves in the catalog."""

from pathlib import Path

from tests.server.live import started
from tests.server.sdk import Sdk


def test_what_a_session_logs_is_what_the_command_line_shows(sdk: Sdk) -> None:
    run_id = sdk.run(
        """
        with wandb.init(project="demo", config={"rate": 0.1, "layers": [1, 2]}, tags=["a"], group="g") as run:
            for step in range(5):
                run.log({"loss": 1 / (step + 1), "nan": float("nan")})
            answer = run.id
        """
    )
    shown = sdk.server.wabucket("-p", "demo", "--entity", sdk.user, "runs", run_id)["run"]
    assert (shown["id"], shown["entity"], shown["state"]) == (run_id, sdk.user, "finished")
    assert shown["config"] == {"rate": 0.1, "layers": [1, 2]}
    assert (shown["tags"], shown["group"], shown["exit_code"]) == (["a"], "g", 0)
    assert shown["summary"]["loss"] == 0.2
    rows = sdk.rows(run_id, "demo")
    assert [(row["_step"], row["loss"]) for row in rows] == [(step, 1 / (step + 1)) for step in range(5)]


def test_logging_in_with_the_key_that_the_server_printed(tmp_path: Path) -> None:
    with started(tmp_path / "live", "--host", "127.0.0.1") as server:
        assert server.key is not None
        sdk = Sdk(server, "", tmp_path / "sdk")
        (tmp_path / "sdk").mkdir()
        done = sdk.cli("login", "--verify", "--host", server.url, server.key, WANDB_SILENT="false")
        assert done.returncode == 0, done.stdout + done.stderr
        netrc = (tmp_path / "sdk" / ".netrc").read_text()
        assert server.key in netrc
        other = Sdk(server, "", tmp_path / "other")
        (tmp_path / "other").mkdir()
        assert other.cli("login", "--verify", "--host", server.url, "0" * 40).returncode != 0
        entity = sdk.run(
            """
            with wandb.init(project="p") as run:
                run.log({"a": 1})
            answer = [run.entity, wandb.Api().default_entity]
            """
        )
        assert entity == ["owner", "owner"]
        assert len(server.wabucket("-p", "p", "--entity", "owner", "runs")["items"]) == 1
