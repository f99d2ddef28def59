"""Work for the checks of executors: functions that workers import by name."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from wabucketref.errors import IntegrityError


@dataclass(frozen=True, slots=True)
class Task:
    """A piece of the checks."""

    number: int
    directory: str
    """That all workers share."""
    seconds: float = 0.0


def note(task: Task) -> tuple[int, int]:
    """Number and process; leaves a trace of each time that it is carried out."""
    time.sleep(task.seconds)
    with (Path(task.directory) / f"done-{task.number}").open("a") as file:
        file.write(f"{os.getpid()}\n")
    return task.number, os.getpid()


def refuse(task: Task) -> None:
    """Fails as a worker that met damage does."""
    raise IntegrityError(f"piece {task.number} is damaged", hint="mend it")


def break_down(task: Task) -> None:
    """Fails in a way that nobody foresaw."""
    raise ZeroDivisionError(f"piece {task.number}")


def die_once(task: Task) -> tuple[int, int]:
    """Kills the worker at the first try; the next one gets through."""
    try:
        (Path(task.directory) / f"died-{task.number}").touch(exist_ok=False)
    except FileExistsError:
        return note(task)
    os._exit(9)


def die(task: Task) -> None:
    """Kills every worker that tries."""
    with (Path(task.directory) / f"died-{task.number}").open("a") as file:
        file.write("x")
    os._exit(9)
