import os
from pathlib import Path
from typing import get_type_hints

import pytest

from tests.unit.settings.conftest import Load
from wabucketref.errors import NotAuthorised, SettingsError
from wabucketref.settings import Settings, load_settings
from wabucketref.settings.fields import ENVIRONMENT, PLUGINS
from wabucketref.settings.rules import RULES

CANARY = "cAnArY0123456789"


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_every_field_has_a_variable_and_back() -> None:
    declared = {name for name in get_type_hints(Settings) if not name.startswith("_")}
    assert set(ENVIRONMENT) == declared - {PLUGINS} == set(RULES) - {PLUGINS}


def test_built_in_values_are_such_as_may_be_given() -> None:
    built_in = {name: getattr(Settings, name) for name in ENVIRONMENT if hasattr(Settings, name)}
    settings = Settings(**built_in)
    assert {name: getattr(settings, name) for name in built_in} == built_in


def test_settings_are_frozen() -> None:
    settings = Settings(project_name="p")
    for change in (lambda: setattr(settings, "project_name", "q"), lambda: delattr(settings, "project_name")):
        with pytest.raises(AttributeError, match="frozen"):
            change()
    other = settings.changed(mode="dryrun")
    assert (other.project_name, other.mode, settings.mode) == ("p", "offline", "online")


def test_precedence_from_the_top_down(load: Load, tmp_path: Path) -> None:
    enforced = write(tmp_path / "enforced.toml", 'bucket = "from-enforced"\n')
    defaults = write(tmp_path / "defaults.toml", 'bucket = "from-defaults"\n')
    project = write(tmp_path / "work" / "wabucket.toml", '# ours\nbucket = "from-project"\n')
    user = write(tmp_path / "user" / ".config" / "wabucket" / "config.toml", 'bucket = "from-user"\n')
    variables = {
        "WABUCKET_ENFORCED": str(enforced),
        "WABUCKET_DEFAULTS": str(defaults),
        "WABUCKET_BUCKET": "from-environment",
    }
    arguments = {"bucket": "from-argument"}
    expected = [
        ("from-enforced", f"{enforced}:1"),
        ("from-argument", "argument --bucket"),
        ("from-environment", "environment WABUCKET_BUCKET"),
        ("from-project", f"{project}:2"),
        ("from-user", f"{user}:1"),
        ("from-defaults", f"{defaults}:1"),
        ("", "built-in"),
    ]
    removals = [
        lambda: variables.pop("WABUCKET_ENFORCED"),
        arguments.clear,
        lambda: variables.pop("WABUCKET_BUCKET"),
        project.unlink,
        user.unlink,
        lambda: variables.pop("WABUCKET_DEFAULTS"),
        lambda: None,
    ]
    for position, (value, source) in enumerate(expected):
        origin = load(arguments, **variables).origin("bucket")
        assert (origin.shown, origin.source) == (value, source)
        losers = [(one.shown, one.source) for one in origin.overrode]
        assert losers == (expected[position + 1 : -1])
        removals[position]()


@pytest.mark.row("F3")
def test_enforced_value_is_reported_with_both_origins(load: Load, tmp_path: Path) -> None:
    enforced = write(tmp_path / "policy.toml", 'tracker = "wandb"\nconcurrency = 8\napi_key = "' + CANARY + '"\n')
    settings = load(
        {"tracker": "embedded"}, WABUCKET_ENFORCED=str(enforced), WABUCKET_CONCURRENCY="8", WANDB_API_KEY="other-key"
    )
    assert settings.tracker == "wandb"
    assert settings.notices[0] == (
        f"tracker is enforced by {enforced}:1 ('wandb'); argument --tracker ('embedded') has no effect"
    )
    assert len(settings.notices) == 2
    assert "api_key is enforced" in settings.notices[1]
    assert CANARY not in settings.notices[1]


@pytest.mark.row("F3")
@pytest.mark.parametrize("make", ["missing", "directory", "forbidden", "huge", "fifo"])
def test_unreadable_policy_refuses_everything(load: Load, tmp_path: Path, make: str) -> None:
    path = tmp_path / "policy.toml"
    if make == "directory":
        path.mkdir()
    elif make == "huge":
        path.write_bytes(b"#" * ((1 << 20) + 1))
    elif make == "fifo":
        os.mkfifo(path)
    elif make == "forbidden":
        path.symlink_to(path)
    with pytest.raises(NotAuthorised, match=r"policy\.toml cannot be read") as caught:
        load(WABUCKET_ENFORCED=str(path))
    assert caught.value.exit_code == 4


@pytest.mark.row("F1")
@pytest.mark.parametrize(
    ("text", "says", "hint"),
    [
        (b'bucket = "a"\nbukcet = "b"\n', "wabucket.toml:2: unknown setting 'bukcet'", "did you mean 'bucket'"),
        (b'project-name = "b"\n', "toml:1: unknown setting 'project-name'", "'project_name'"),
        (b'\n\nbucket = "a\n', "toml:3: not valid TOML", "bucket ="),
        (b"bucket = 5\n", "toml:1: bucket is of the TOML type int", "text"),
        (b'concurrency = "8"\n', "toml:1: concurrency is of the TOML type str", "number"),
        (b"concurrency = true\n", "toml:1: concurrency is of the TOML type bool", "number"),
        (b"# x\nconcurrency = 0\n", "toml:2: concurrency should be greater than or equal to 1", ""),
        (b"[storage]\nx = 1\n", "toml: storage is of the TOML type dict", "text"),
        (b'notes = "ok"\nbucket = "\xff"\n', "toml:2: not UTF-8", "UTF-8"),
        (b"tags = [1]\n", "toml:1: tags", ""),
        (b"deadline = inf\n", "toml:1: deadline should be a finite number", ""),
        (b"concurrency = " + b"9" * 5000, "toml: not valid TOML", ""),
        (b"notes = " + b"[" * 100_000, "toml: not valid TOML", ""),
        (b"#" * ((1 << 20) + 1), "toml cannot be read: it is larger", "1 MiB"),
    ],
)
def test_bad_project_files(load: Load, tmp_path: Path, text: bytes, says: str, hint: str) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "wabucket.toml").write_bytes(text)
    with pytest.raises(SettingsError) as caught:
        load()
    assert says in caught.value.message
    assert hint in (caught.value.hint or "")
    assert caught.value.exit_code == 2


@pytest.mark.row("F1")
def test_project_file_is_a_directory_or_loops(load: Load, tmp_path: Path) -> None:
    (tmp_path / "work" / "wabucket.toml").mkdir(parents=True)
    with pytest.raises(SettingsError, match="it is a directory"):
        load()
    (tmp_path / "work" / "wabucket.toml").rmdir()
    (tmp_path / "work" / "wabucket.toml").symlink_to("wabucket.toml")
    with pytest.raises(SettingsError, match="cannot be read"):
        load()


def test_project_file_is_the_nearest_upward(tmp_path: Path) -> None:
    outer = write(tmp_path / "wabucket.toml", 'bucket = "outer"\n')
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    environ = {"WABUCKET_HOME": str(tmp_path / "home")}
    write(tmp_path / "a" / "pyproject.toml", "[tool.other]\nwabucket = 1\n")
    assert load_settings(environ=environ, directory=inner).origin("bucket").source == f"{outer}:1"
    near = write(tmp_path / "a" / "pyproject.toml", '[project]\nname = "x"\n\n[tool.wabucket]\nbucket = "near"\n')
    assert load_settings(environ=environ, directory=inner).origin("bucket").source == f"{near}:5"
    write(tmp_path / "a" / "wabucket.toml", 'bucket = "own"\n')
    assert load_settings(environ=environ, directory=inner).bucket == "own"


def test_foreign_pyproject_with_mistakes_is_not_ours_to_report(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", "this is = = not toml")
    load_settings(environ={"WABUCKET_HOME": str(tmp_path)}, directory=tmp_path)
    write(tmp_path / "pyproject.toml", "[tool.wabucket\nbucket = 1")
    with pytest.raises(SettingsError, match=r"pyproject\.toml:1: not valid TOML"):
        load_settings(environ={"WABUCKET_HOME": str(tmp_path)}, directory=tmp_path)


@pytest.mark.row("X3")
def test_planted_project_file_is_ignored(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to change the owner of a file")
    shared = tmp_path / "shared"
    work = shared / "work"
    work.mkdir(parents=True)
    planted = write(shared / "wabucket.toml", 'base_url = "https://evil.example"\n')
    os.chown(planted, 65534, 65534)
    shared.chmod(0o1777)
    settings = load_settings(environ={"WABUCKET_HOME": str(tmp_path)}, directory=work)
    assert settings.base_url is None
    assert settings.notices == (f"{planted} is ignored: another user put it into a directory that everybody can write",)
    shared.chmod(0o755)
    assert load_settings(environ={"WABUCKET_HOME": str(tmp_path)}, directory=work).base_url == "https://evil.example"


def test_key_and_server_in_a_project_file_are_noticed(load: Load, tmp_path: Path) -> None:
    path = write(tmp_path / "work" / "wabucket.toml", 'base_url = "https://w.example"\n')
    assert load(WANDB_API_KEY=CANARY).notices == (
        f"the key of environment WANDB_API_KEY goes to https://w.example, by {path}:1",
    )
    write(path, f'api_key = "{CANARY}"\n')
    assert load().notices == (f"{path}:1: a key in a project file is easily shared; use WANDB_API_KEY",)


@pytest.mark.row("F2")
@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("WABUCKET_CONCURRENCY", "many", "concurrency should be a valid integer"),
        ("WABUCKET_CONCURRENCY", "-1", "greater than or equal to 1"),
        ("WABUCKET_CONCURRENCY", "1e999", "integer"),
        ("WABUCKET_CONCURRENCY", "9" * 5000, "integer"),
        ("WABUCKET_DEADLINE", "1e999", "finite"),
        ("WABUCKET_DEADLINE", "nan", "finite"),
        ("WABUCKET_DEADLINE", "0", "greater than or equal to 1"),
        ("WABUCKET_MEMORY", "1KiB", "from 16MiB"),
        ("WABUCKET_MEMORY", "-5", "number of bytes"),
        ("WABUCKET_JOURNAL_SYNC", "off", "'full' or 'normal'"),
        ("WABUCKET_LOG", "loud", "'debug'"),
        ("WANDB_MODE", "foo", "must be one of online"),
        ("WANDB_PROJECT", "a/b", "U+002F"),
        ("WANDB_PROJECT", "name\r", "U+000D"),
        ("WANDB_ENTITY", "a:b", "entity 'a:b' has the character U+003A"),
        ("WANDB_RUN_ID", "a#b", "U+0023"),
        ("WANDB_NAME", "a\nb", "U+000A"),
        ("WANDB_NOTES", "\udcff", "valid string"),
        ("WANDB_TAGS", "ok," + "x" * 65, "65 characters"),
        ("WANDB_TAGS", "a\x07", "U+0007"),
        ("WANDB_BASE_URL", "ftp://x", "must be a URL"),
        ("WANDB_BASE_URL", "https://", "must be a URL"),
        ("WANDB_BASE_URL", "https://h:99999", "must be a URL"),
        ("WANDB_BASE_URL", f"https://u:{CANARY}@h", "without user"),
        ("WABUCKET_TRACKER", "a b", "must be auto"),
    ],
)
def test_bad_variables_name_themselves(load: Load, variable: str, value: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(**{variable: value})
    assert caught.value.message.startswith(f"environment {variable}: ")
    assert says in caught.value.message
    assert CANARY not in caught.value.message
    assert caught.value.hint
    assert caught.value.exit_code == 2


def test_an_overridden_bad_value_does_no_harm(load: Load) -> None:
    assert load({"concurrency": 4}, WABUCKET_CONCURRENCY="many").concurrency == 4


@pytest.mark.row("F2")
def test_empty_variables_count_as_unset(load: Load) -> None:
    assert load(WANDB_PROJECT="", WABUCKET_CONCURRENCY="", WANDB_MODE="", WABUCKET_ENFORCED="").project_name is None


@pytest.mark.row("F2")
@pytest.mark.parametrize(
    ("word", "mode"),
    [("run", "online"), ("dryrun", "offline"), ("shared", "online"), ("OFFLINE", "offline"), ("disabled", "disabled")],
)
def test_modes(load: Load, word: str, mode: str) -> None:
    assert load(WANDB_MODE=word).mode == mode


@pytest.mark.parametrize(
    ("text", "size"),
    [("134217728", 1 << 27), ("256MiB", 1 << 28), ("64 MB", 64_000_000), ("1g", 10**9), ("1GiB", 1 << 30)],
)
def test_memory(load: Load, text: str, size: int) -> None:
    assert load(WABUCKET_MEMORY=text).memory == size


def test_tags(load: Load) -> None:
    assert load(WANDB_TAGS=" a, b,,a ").tags == ("a", "b")
    assert load({"tags": ["x", "y,z"]}).tags == ("x", "y,z")


@pytest.mark.row("F2")
def test_api_key_is_stripped_with_a_notice_and_never_shown(load: Load) -> None:
    settings = load(WANDB_API_KEY=f" {CANARY}\r\n")
    assert settings.secrets() == (CANARY,)
    assert settings.notices == ("environment WANDB_API_KEY: spaces or line ends around the key were removed",)
    assert settings.origin("api_key").shown == "********"


@pytest.mark.row("B3", "X19")
def test_secrets_in_urls_are_never_shown(load: Load) -> None:
    settings = load(
        {"bucket": f"s3://key:{CANARY}@b/p", "catalog": f"postgresql://u:{CANARY}@db/x", "api_key": CANARY},
        WABUCKET_CATALOG=f"postgresql://me:{CANARY}@other/x",
    )
    seen = [repr(settings), str(settings), str(settings.origins()), str([one.to_dict() for one in settings.origins()])]
    assert CANARY not in "".join(seen)
    assert settings.bucket_url() == f"s3://key:{CANARY}@b/p"


@pytest.mark.row("U1")
def test_unknown_variables_are_noticed_with_the_nearest_name(load: Load) -> None:
    settings = load(WABUCKET_BUKCET="x", WABUCKET_ZZZZZZ="y", WABUCKET_DOTENV="z")
    assert settings.notices == (
        "environment WABUCKET_BUKCET is unknown and has no effect; did you mean WABUCKET_BUCKET?",
        "environment WABUCKET_ZZZZZZ is unknown and has no effect",
    )


def test_unknown_argument(load: Load) -> None:
    with pytest.raises(SettingsError, match="'bukket'") as caught:
        load({"bukket": "x"})
    assert caught.value.hint == "did you mean 'bucket'?"


def test_relative_paths_count_from_their_source(load: Load, tmp_path: Path) -> None:
    write(tmp_path / "wabucket.toml", 'storage = "buckets"\nhome = "state"\n')
    inner = tmp_path / "a"
    inner.mkdir()
    settings = load_settings({"bucket": "./data"}, environ={}, directory=inner)
    assert settings.storage_root == f"file://{tmp_path}/buckets"
    assert settings.home == tmp_path / "state"
    assert settings.bucket_url() == f"file://{inner}/data"
    assert load(WABUCKET_HOME="rel").home == tmp_path / "work" / "rel"


def test_settings_made_in_code_know_their_origin(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, bucket="b")
    assert settings.origin("bucket").source == "given in code"
    assert settings.origin("tracker").source == "built-in"
    assert settings.notices == ()
