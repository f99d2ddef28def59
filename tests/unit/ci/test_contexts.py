import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.ci.samples import SAMPLES, SHA
from wabucketref.ci.collect import collect
from wabucketref.ci.contexts.apolo import CONTEXT as APOLO
from wabucketref.ci.contexts.container import Container
from wabucketref.ci.contexts.git import CONTEXT as GIT
from wabucketref.ci.contexts.host import CONTEXT as HOST
from wabucketref.ci.facts import clean_tags, one_line
from wabucketref.contracts.context import Context, Facts
from wabucketref.runs.run import check_tags
from wabucketref.wiring import CONTEXTS, registries

REGISTRY = registries()["context"]
ALL: list[Context] = [REGISTRY.get(name) for name in CONTEXTS]
PROVIDERS: list[Context] = [REGISTRY.get(name) for name in SAMPLES]
CANARY = "cAnArY0123456789"
NOWHERE = Path("/nonexistent/place")

EVERY_JOB = {name: value for sample in SAMPLES.values() for name, value in sample.environ.items()}
"""All systems at once, which no machine ever is."""


def git(directory: Path, *words: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    who = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "init.defaultBranch=main")
    command = ["git", *who, *words]
    return subprocess.run(command, cwd=directory, env=clean, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize("name", SAMPLES)
def test_each_system(name: str) -> None:
    sample = SAMPLES[name]
    found = collect([REGISTRY.get(name)], sample.environ, NOWHERE)
    assert found.values == {**sample.facts, "cicd.provider": name}
    assert found.tags == sample.tags
    assert found.problems == ()
    assert "planted" not in str(found)


@pytest.mark.parametrize("name", SAMPLES)
def test_each_variable_that_is_named_counts(name: str) -> None:
    """The sample of a system leaves out no variable of its table but spare spellings."""
    sample, context = SAMPLES[name], REGISTRY.get(name)
    for fact, variables in context.values.items():
        spellings = (variables,) if isinstance(variables, str) else variables
        assert fact in sample.facts or any(one in sample.environ for one in spellings), fact
        for one in spellings:
            environ = {key: value for key, value in sample.environ.items() if key not in spellings}
            found = context.detect({**environ, one: "told"}, NOWHERE)
            assert found is None or "told" in str(found.values.get(fact)) or fact in context.further(environ), one


def test_every_system_has_a_sample_and_a_page() -> None:
    assert set(CONTEXTS) - set(SAMPLES) == {"container", "git", "host"}
    assert all(getattr(context, "doc", "").startswith("https://") for context in ALL)


@pytest.mark.parametrize("context", [*PROVIDERS, GIT])
def test_nothing_is_said_elsewhere(context: Context) -> None:
    assert context.detect({}, NOWHERE) is None


def test_a_slurm_job_inside_a_gitlab_job() -> None:
    environ = {**SAMPLES["slurm"].environ, **SAMPLES["gitlab"].environ}
    found = collect(ALL, environ, NOWHERE)
    assert found.values["cicd.provider"] == "gitlab,slurm"
    assert found.values["cicd.pipeline.task.run.id"] == "6"
    assert found.values["slurm.cicd.pipeline.task.run.id"] == "4711"
    assert found.values["slurm.partition.name"] == "gpu"
    assert "slurm.cicd.pipeline.actor" not in found.values, "both say the same"
    assert {"job_id:6", "job_id:4711", "ref:v1.0"} <= set(found.tags)


def test_the_order_does_not_depend_on_who_is_asked_first() -> None:
    """Providers in the order of the registry; container, git and host after plugins."""
    assert list(CONTEXTS)[-3:] == ["container", "git", "host"]
    later = collect([HOST, *PROVIDERS], EVERY_JOB, NOWHERE)
    assert later.values["cicd.provider"] == ",".join(name for name in CONTEXTS if name in SAMPLES)
    assert later.values["host.name"] == "job-1.platform-jobs"


def test_a_branch_and_a_pull_request() -> None:
    environ = {**SAMPLES["github"].environ, "GITHUB_HEAD_REF": ""}
    assert collect([REGISTRY.get("github")], environ, NOWHERE).values["vcs.ref.head.name"] == "12/merge"
    azure = {**SAMPLES["azure"].environ, "SYSTEM_PULLREQUEST_SOURCEBRANCH": "", "BUILD_SOURCEBRANCH": "refs/tags/v1"}
    found = collect([REGISTRY.get("azure")], azure, NOWHERE).values
    assert (found["vcs.ref.head.name"], found["vcs.ref.head.type"]) == ("v1", "tag")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"metadata": 1}', '{"metadata": {"job_name": null}}', "[" * 100_000])
def test_a_ray_job_whose_json_is_damaged(text: str) -> None:
    found = collect([REGISTRY.get("ray")], {"RAY_JOB_ID": "1", "RAY_JOB_CONFIG_JSON_ENV_VAR": text}, NOWHERE)
    assert found.values["cicd.pipeline.task.run.id"] == "1"
    assert found.problems == ()


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("proc/self/cgroup", "12:cpu:/docker/{}\n0::/\n"),
        ("proc/self/cgroup", "0::/kubepods/burstable/pod1/{}\n"),
        ("proc/self/mountinfo", "1 2 8:1 /var/lib/docker/containers/{}/hostname /etc/hostname rw\n"),
        ("proc/self/mountinfo", "1 2 8:1 /containers/overlay-containers/{}/userdata/hosts /etc/hosts rw\n"),
    ],
)
def test_container(tmp_path: Path, file: str, text: str) -> None:
    assert Container(tmp_path).detect({}, NOWHERE) is None
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text(text.format("0123abcd" * 8))
    found = Container(tmp_path).detect({}, NOWHERE)
    assert found is not None
    assert found.values == {"container.id": "0123abcd" * 8}
    (tmp_path / ".dockerenv").touch()
    named = Container(tmp_path).detect({}, NOWHERE)
    assert named is not None
    assert named.values["container.runtime.name"] == "docker"


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
        "vcs.ref.head.dirty": "false",
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
    found = collect([GIT, HOST, *PROVIDERS[:1], APOLO], SAMPLES["github"].environ | SAMPLES["apolo"].environ, tmp_path)
    assert found.values["vcs.ref.head.revision"] == SHA
    assert found.values["cicd.provider"] == "github,apolo"
    assert "cicd.provider" not in collect([GIT, HOST], {}, tmp_path).values


HOSTILE = [
    "x\n::set-output name=artifact_name::evil",
    "::add-mask::x",
    "##vso[task.setvariable variable=x]evil",
    "##[error]x",
    "a\x1b[31mred\x1b[0m\x07",
    "line\u2028separator\u2029",
    "\udcff\x00",
    "turned \u202e around, zero\u200bwidth, no\xa0break",
    "b" * 100_000,
    f"https://me:{CANARY}@host/x?token={CANARY}#{CANARY}",
    "<script>alert(1)</script>",
]


@pytest.mark.row("X6")
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_become_one_harmless_line(name: str) -> None:
    environ = {key: (value if value.lower() == "true" else name) for key, value in EVERY_JOB.items()}
    found = collect(ALL, environ, NOWHERE)
    assert found.values["cicd.provider"].count(",") == len(SAMPLES) - 1
    assert check_tags(found.tags) == found.tags
    for text in (*found.tags, *found.values.values()):
        assert text.isprintable()
        assert CANARY not in text
        assert "::" not in text
        assert "##vso[" not in text
        assert "##[" not in text
    assert all(0 < len(tag) <= 64 for tag in found.tags)
    assert all(len(value) <= 1024 for value in found.values.values())


class Recording(dict[str, str]):
    """Notes what is read."""

    def __init__(self, known: Mapping[str, str]) -> None:
        super().__init__(known)
        self.seen: set[str] = set()

    def get(self, key: str, default: str | None = None) -> str | None:  # type: ignore[override]
        self.seen.add(key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> str:
        self.seen.add(key)
        return super().__getitem__(key)


SECRET_VARIABLES = [
    "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "WANDB_API_KEY",
    "GITHUB_TOKEN", "ACTIONS_RUNTIME_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_URL",
    "CI_JOB_TOKEN", "CI_JOB_JWT", "CI_REGISTRY_PASSWORD", "CI_DEPLOY_PASSWORD", "CI_REPOSITORY_URL", "CI_JOB_URL_X",
    "NEURO_PASSED_CONFIG", "APOLO_PASSED_CONFIG", "NEURO_JOB_SECRET", "BUILDKITE_AGENT_ACCESS_TOKEN",
    "CIRCLE_OIDC_TOKEN", "CIRCLE_OIDC_TOKEN_V2", "SYSTEM_ACCESSTOKEN", "BITBUCKET_STEP_OIDC_TOKEN", "JENKINS_SECRET",
    "SLURM_JWT", "SM_HPS", "SM_TRAINING_ENV", "SM_USER_ARGS", "TF_CONFIG", "CLUSTER_SPEC", "KUBECONFIG",
    "VAULT_TOKEN", "DOCKER_AUTH_CONFIG", "NPM_TOKEN", "HF_TOKEN", "SSH_AUTH_SOCK",
]  # fmt: skip


@pytest.mark.row("X6", "X19")
def test_secrets_of_the_environment_never_become_facts() -> None:
    """A canary in every variable: whole in those that nothing may read, as user, password and query in the others."""
    environ = Recording(EVERY_JOB | dict.fromkeys(SECRET_VARIABLES, CANARY))
    collect(ALL, environ, NOWHERE)
    assert not environ.seen & (set(SECRET_VARIABLES) - {"APOLO_PASSED_CONFIG", "NEURO_PASSED_CONFIG"})
    url = f"https://{CANARY}:{CANARY}@host/x?token={CANARY}#{CANARY}"
    planted = {
        name: (EVERY_JOB[name] if EVERY_JOB.get(name, "").lower() == "true" else url)
        for name in environ.seen | set(EVERY_JOB)
    }
    found = collect(ALL, planted | dict.fromkeys(SECRET_VARIABLES, CANARY), NOWHERE)
    assert found.values["cicd.provider"].count(",") == len(SAMPLES) - 1
    assert CANARY not in str(found)


TOKENS = [
    "ghp_" + "a1B2" * 9, "github_pat_" + "a1B2" * 9, "glpat-" + "a1B2" * 5, "AKIA" + "A1B2" * 4,
    "xoxb-" + "1234567890-abc", "hf_" + "a1B2" * 8, "npm_" + "a1B2" * 9, "sk-" + "a1B2" * 8,
    "AIza" + "a1B2" * 9, "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "bkua_" + "a1b2" * 10,
    "-----BEGIN OPENSSH PRIVATE KEY-----",
]  # fmt: skip


@pytest.mark.row("X6", "X19")
@pytest.mark.parametrize("token", TOKENS)
def test_what_has_the_shape_of_a_token_is_masked_wherever_it_is(token: str) -> None:
    environ = {**SAMPLES["gitlab"].environ, "CI_JOB_NAME": f"deploy with {token}", "CI_COMMIT_REF_NAME": token}
    found = collect(ALL, environ, NOWHERE)
    assert token not in str(found)
    assert found.values["cicd.pipeline.task.name"].startswith("deploy with ***")


@pytest.mark.row("X6", "X19")
def test_a_job_that_is_named_after_a_secret() -> None:
    environ = {**SAMPLES["gitlab"].environ, "CI_JOB_NAME": f"use {CANARY}", "DEPLOY_PASSWORD": CANARY, "PIN_TOKEN": "6"}
    found = collect(ALL, environ, NOWHERE)
    assert CANARY not in str(found)
    assert "job_id:6" in found.tags, "a short value is no secret"


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
    found = collect([Broken(), APOLO], SAMPLES["apolo"].environ, NOWHERE)
    assert found.tags[0] == "job_id:job-1"
    assert found.problems == ("context 'broken' failed: RuntimeError: boom",)
