"""The command line as a process: descriptors, signals, locales, start-up."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
HELP = [sys.executable, "-m", "wabucketref", "--help"]

SCRIPT = """
import sys, time, types
sys.path.insert(0, {root!r})
from tests.unit.cli import samples
from wabucketref.cli.main import main
from contextlib import contextmanager

@contextmanager
def open_workspace(settings, **options):
    try:
        yield None
    finally:
        print("closed", file=sys.stderr, flush=True)
        {closing}

def answer(*arguments, **options):
    {body}

wiring = types.ModuleType("wabucketref.wiring")
wiring.open_workspace = open_workspace
sys.modules["wabucketref.wiring"] = wiring
for name in ("download", "look", "upload"):
    module = types.ModuleType("wabucketref.operations." + name)
    module.download = module.list_runs = module.get_run = module.upload = answer
    sys.modules[module.__name__] = module
sys.exit(main({arguments!r}))
"""


def script(body: str, *arguments: str, closing: str = "") -> list[str]:
    """A process that runs `arguments` over floors whose answer is `body`."""
    text = SCRIPT.format(root=str(ROOT), body=body, arguments=list(arguments), closing=closing)
    return [sys.executable, "-c", text]


DOWNLOAD = script("return samples.download_result()", "download", "dataset/cats:first")


@pytest.mark.row("U2")
def test_U2_a_reader_that_went_away_is_no_error() -> None:
    process = subprocess.Popen(DOWNLOAD, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    err = process.stderr.read()
    process.stderr.close()
    assert (process.wait(), err) == (0, b"closed\n")


@pytest.mark.row("U2")
@pytest.mark.parametrize("command", [DOWNLOAD, HELP, [*HELP[:-1], "--version"]])
def test_U2_a_full_device_is_5(command: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, cwd=ROOT)
    assert ran.returncode == 5
    assert b"error: cannot write the result to standard output: No space left on device\nhint: " in ran.stderr
    assert b"Traceback" not in ran.stderr


@pytest.mark.row("U2")
def test_U2_a_full_device_for_errors_is_still_an_exit_code() -> None:
    with Path("/dev/full").open("w") as full:
        assert subprocess.run([*HELP, "--json"], stdout=full, stderr=full, cwd=ROOT).returncode == 2


@pytest.mark.row("U2")
def test_U2_closed_descriptors() -> None:
    command = "exec " + " ".join(HELP)
    for redirection in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        ran = subprocess.run(["sh", "-c", f"{command} {redirection}"], capture_output=True, cwd=ROOT)
        assert (ran.returncode, ran.stderr) == (0, b"")


@pytest.mark.row("U2")
@pytest.mark.parametrize(
    "environment",
    [
        {"LANG": "C", "LC_ALL": "C"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii"},
        {"COLUMNS": "1", "TERM": "dumb"},
        {"PYTHONOPTIMIZE": "2"},
    ],
)
def test_U2_names_survive_odd_environments(environment: dict[str, str]) -> None:
    body = r"return [samples.run(name='J\xfcrgen \u732b', inputs=())]"
    environ = os.environ | environment
    ran = subprocess.run(script(body, "runs"), env=environ, capture_output=True)
    assert ran.returncode == 0
    assert ran.stderr == b"closed\n"
    assert "Jürgen 猫".encode() in ran.stdout or rb"J\xfcrgen \u732b" in ran.stdout
    assert subprocess.run(HELP, env=environ, capture_output=True, cwd=ROOT).returncode == 0


@pytest.mark.row("U2")
def test_U2_a_name_that_is_not_utf8_comes_out_byte_for_byte() -> None:
    body = r"from pathlib import Path; return samples.download_result(path=Path('\udcff x'))"
    ran = subprocess.run(script(body, "download", "a/b:c"), capture_output=True)
    assert (ran.returncode, ran.stdout) == (0, b"\xff x\n")


def wait_for(process: "subprocess.Popen[bytes]", line: bytes) -> None:
    assert process.stderr is not None
    assert process.stderr.readline() == line


@pytest.mark.row("K3", "K4")
@pytest.mark.parametrize(
    ("number", "code", "word"),
    [
        (signal.SIGINT, 130, b"interrupted"),
        (signal.SIGTERM, 143, b"terminated by SIGTERM"),
        (signal.SIGHUP, 143, b"terminated by SIGHUP"),
    ],
)
def test_K3_K4_one_signal_ends_orderly(number: int, code: int, word: bytes) -> None:
    command = script('print("ready", file=sys.stderr, flush=True); time.sleep(60)', "runs")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        wait_for(process, b"ready\n")
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (code, b"")
    assert err.startswith(b"closed\nerror: " + word + b"\nhint: ")
    assert b"Traceback" not in err


@pytest.mark.row("K3")
def test_K3_an_error_on_the_way_out_keeps_the_signals_code() -> None:
    body = "print('ready', file=sys.stderr, flush=True)\n    try: time.sleep(60)\n    finally: raise OSError('x')"
    with subprocess.Popen(script(body, "runs"), stderr=subprocess.PIPE) as process:
        wait_for(process, b"ready\n")
        process.terminate()
        err = process.communicate(timeout=20)[1]
    assert process.returncode == 143
    assert b"error: terminated by SIGTERM" in err


@pytest.mark.row("K3")
def test_K3_the_second_ctrl_c_leaves_at_once() -> None:
    command = script('print("ready", file=sys.stderr, flush=True); time.sleep(60)', "runs", closing="time.sleep(60)")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        wait_for(process, b"ready\n")
        process.send_signal(signal.SIGINT)
        wait_for(process, b"closed\n")
        process.send_signal(signal.SIGTERM)  # a supervisor's, beside the user's: no second wish
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=5)
    assert (process.returncode, out, err) == (130, b"", b"")


def test_signals_that_were_ignored_stay_ignored() -> None:
    body = "import os, signal; os.kill(os.getpid(), signal.SIGHUP); return []"
    ran = subprocess.run(["nohup", *script(body, "runs")], capture_output=True)
    assert ran.returncode == 0
