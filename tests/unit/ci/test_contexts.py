import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wabucketref.ci.collect import collect
from wabucketref.ci.contexts.apolo import CONTEXT as APOLO
from wabucketref.ci.contexts.git import CONTEXT as GIT
from wabucketref.ci.contexts.github import CONTEXT as GITHUB
from wabucketref.ci.contexts.gitlab import CONTEXT as GITLAB
from wabucketref.ci.contexts.host import CONTEXT as HOST
from wabucketref.ci.facts import clean_tags, one_line
from wabucketref.contracts.context import Facts

ALL = [APOLO, GITHUB, GITLAB, GIT, HOST]
CANARY = "cAnArY0123456789"
NOWHERE = Path("/nonexistent/place")

APOLO_ENV = {
    "NEURO_JOB_ID": "job-1",
    "NEURO_JOB_NAME": "train",
    "NEURO_JOB_OWNER": "ada",
    "NEURO_JOB_TAGS": "flow:main, kind:live",
}
GITHUB_ENV = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_RUN_ID": "77",
    "GITHUB_RUN_ATTEMPT": "2",
    "GITHUB_WORKFLOW": "CI",
    "GITHUB_JOB": "build",
    "GITHUB_ACTOR": "ada",
    "GITHUB_REPOSITORY": "team/models",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REF_NAME": "12/merge",
    "GITHUB_HEAD_REF": "topic",
    "GITHUB_BASE_REF": "main",
    "GITHUB_SHA": "a" * 40,
    "GITHUB_EVENT_NAME": "pull_request",
}
GITLAB_ENV = {
    "GITLAB_CI": "true",
    "CI_PIPELINE_ID": "5",
    "CI_JOB_ID": "6",
    "CI_JOB_NAME": "train",
    "CI_JOB_URL": "https://gitlab.example/team/models/-/jobs/6",
    "CI_PROJECT_PATH": "team/models",
    "CI_COMMIT_SHA": "b" * 40,
    "CI_COMMIT_REF_NAME": "main",
    "GITLAB_USER_LOGIN": "ada",
}


def git(directory: Path, *words: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    who = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "init.defaultBranch=main")
    command = ["git", *who, *words]
    return subprocess.run(command, cwd=directory, env=clean, check=True, capture_output=True, text=True).stdout.strip()


def test_apolo() -> None:
    facts = APOLO.detect(APOLO_ENV, NOWHERE)
    assert facts is not None
    assert facts.tags == ("job_id:job-1", "job_name:train", "owner:ada", "flow:main", "kind:live")
    assert facts.values["cicd.pipeline.task.run.id"] == "job-1"
    bare = APOLO.detect({"NEURO_JOB_ID": "job-2"}, NOWHERE)
    assert bare is not None
    assert collect([APOLO], {"NEURO_JOB_ID": "job-2"}, NOWHERE).tags == ("job_id:job-2",)


def test_github() -> None:
    found = collect([GITHUB], GITHUB_ENV, NOWHERE)
    assert found.values["cicd.provider"] == "github"
    assert found.values["cicd.pipeline.run.url.full"] == "https://github.com/team/models/actions/runs/77"
    assert found.values["cicd.pipeline.run.attempt"] == "2"
    assert found.values["vcs.ref.head.name"] == "topic"
    assert found.values["vcs.ref.base.name"] == "main"
    assert "run_id:77" in found.tags
    assert f"commit:{'a' * 40}" in found.tags


def test_gitlab() -> None:
    found = collect([GITLAB], GITLAB_ENV, NOWHERE)
    assert found.values["vcs.provider.name"] == "gitlab"
    assert found.values["vcs.ref.head.type"] == "branch"
    assert found.values["cicd.pipeline.task.run.url.full"].endswith("/jobs/6")
    assert found.tags[0] == "pipeline_id:5"


@pytest.mark.parametrize("context", [APOLO, GITHUB, GITLAB, GIT])
def test_nothing_is_said_elsewhere(context: type) -> None:
    assert context.detect({}, NOWHERE) is None  # type: ignore[attr-defined]


def test_host() -> None:
    facts = HOST.detect({"USER": "ada"}, NOWHERE)
    assert facts is not None
    assert facts.values["user.name"] == "ada"
    assert facts.values["process.runtime.version"] == ".".join(str(one) for one in sys.version_info[:3])
    assert facts.values["host.name"] == os.uname().nodename
    assert facts.tags == ()


def test_git_reads_a_real_checkout(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    git(tmp_path, "remote", "add", "other", f"https://{CANARY}@elsewhere/x")
    git(tmp_path, "remote", "add", "origin", f"https://me:{CANARY}@host.example/team/x.git?token={CANARY}")
    unborn = GIT.detect({}, tmp_path)
    assert unborn is not None
    assert "vcs.ref.head.revision" not in unborn.values
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "x")
    git(tmp_path, "checkout", "-q", "-b", "topic/one")
    commit = git(tmp_path, "rev-parse", "HEAD")
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    expected = {
        "vcs.ref.head.name": "topic/one",
        "vcs.ref.head.type": "branch",
        "vcs.ref.head.revision": commit,
        "vcs.repository.url.full": "https://host.example/team/x.git",
    }
    for packed in (False, True):
        if packed:
            git(tmp_path, "pack-refs", "--all")
        facts = GIT.detect({}, below)
        assert facts is not None
        assert facts.values == expected
    git(tmp_path, "worktree", "add", "-q", "-b", "second", str(tmp_path / "tree"))
    worktree = GIT.detect({}, tmp_path / "tree")
    assert worktree is not None
    assert worktree.values == expected | {"vcs.ref.head.name": "second"}
    git(tmp_path, "checkout", "-q", "--detach")
    detached = GIT.detect({}, tmp_path)
    assert detached is not None
    assert detached.values["vcs.ref.head.revision"] == commit
    assert "vcs.ref.head.name" not in detached.values


@pytest.mark.parametrize(
    ("url", "public"),
    [
        ("git@github.com:team/x.git", "github.com:team/x.git"),
        (f"{CANARY}@host:team/x.git", "host:team/x.git"),
        ("/srv/git/x", "/srv/git/x"),
        (f"ssh://git:{CANARY}@host/x", "ssh://host/x"),
    ],
)
def test_git_cuts_users_from_remotes(tmp_path: Path, url: str, public: str) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (tmp_path / ".git" / "config").write_text(f'[remote "origin"]\n\turl = {url}\n')
    facts = GIT.detect({}, tmp_path)
    assert facts is not None
    assert facts.values["vcs.repository.url.full"] == public


@pytest.mark.row("X6")
@pytest.mark.parametrize(
    "head", [b"ref: ../../../etc/passwd\n", b"\xff\xfe", b"", b"ref: refs/../../x", b"secret text"]
)
def test_hostile_checkouts_do_no_harm(tmp_path: Path, head: bytes) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_bytes(head)
    (tmp_path / "x").write_text("secret text")
    facts = GIT.detect({}, tmp_path)
    assert facts is None or "vcs.ref.head.revision" not in facts.values


def test_git_never_waits_on_a_pipe(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    os.mkfifo(tmp_path / ".git" / "HEAD")
    assert GIT.detect({}, tmp_path) is None
    (tmp_path / "file").mkdir()
    (tmp_path / "file" / ".git").write_text("gitdir: /nonexistent\n")
    assert GIT.detect({}, tmp_path / "file") is None


def test_provider_counts_before_git_and_host(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "x")
    found = collect([GIT, HOST, GITHUB, APOLO], GITHUB_ENV | APOLO_ENV, tmp_path)
    assert found.values["vcs.ref.head.revision"] == "a" * 40
    assert found.values["cicd.provider"] == "github,apolo"
    assert "cicd.provider" not in collect([GIT, HOST], {}, tmp_path).values


HOSTILE = [
    "x\n::set-output name=artifact_name::evil",
    "a\x1b[31mred\x1b[0m\x07",
    "line\u2028separator\u2029",
    "\udcff\x00",
    "b" * 100_000,
    f"https://me:{CANARY}@host/x?token={CANARY}#{CANARY}",
    "<script>alert(1)</script>",
]


@pytest.mark.row("X6")
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_become_one_harmless_line(name: str) -> None:
    environ = {
        key: ("true" if value == "true" else name) for key, value in (GITHUB_ENV | GITLAB_ENV | APOLO_ENV).items()
    }
    found = collect(ALL, environ, NOWHERE)
    for text in (*found.tags, *found.values.values()):
        assert text.isprintable()
        assert CANARY not in text
    assert all(0 < len(tag) <= 64 for tag in found.tags)
    assert all(len(value) <= 1024 for value in found.values.values())


@pytest.mark.row("X6", "X19")
def test_secrets_of_the_environment_never_become_facts() -> None:
    secrets = [
        "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "WANDB_API_KEY", "GITHUB_TOKEN", "ACTIONS_RUNTIME_TOKEN",
        "CI_JOB_TOKEN", "CI_REGISTRY_PASSWORD", "CI_DEPLOY_PASSWORD", "NEURO_PASSED_CONFIG",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    ]  # fmt: skip
    environ = GITHUB_ENV | GITLAB_ENV | APOLO_ENV | dict.fromkeys(secrets, CANARY)
    environ["CI_REPOSITORY_URL"] = f"https://gitlab-ci-token:{CANARY}@host/x.git"
    assert CANARY not in str(collect(ALL, environ, NOWHERE))


@pytest.mark.row("M6")
@given(st.lists(st.text()))
def test_tags_are_always_fit_for_a_tracker(tags: list[str]) -> None:
    found = clean_tags(tags)
    assert len(set(found)) == len(found)
    assert all(0 < len(tag) <= 64 for tag in found)
    assert clean_tags(found) == found


def test_a_secret_is_not_cut_in_half() -> None:
    assert CANARY[:4] not in one_line(f"{'x' * 50} https://u:{CANARY}@h/p", 64)


class Broken:
    name = "broken"

    def detect(self, environ: Mapping[str, str], directory: Path) -> Facts | None:
        raise RuntimeError("boom")


def test_a_broken_plugin_is_named_and_harms_nothing() -> None:
    found = collect([Broken(), APOLO], APOLO_ENV, NOWHERE)
    assert found.tags[0] == "job_id:job-1"
    assert found.problems == ("context 'broken' failed: RuntimeError: boom",)
