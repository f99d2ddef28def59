"""What each worker does: an endless plan that follows from its seed alone, not from what comes of it."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tests.faults.procs import COMMAND_LINE
from tests.load.soak.sources import Source, Sources

SHARED = tuple(("shared", "pot", f"p{number}") for number in range(4))
"""Aliases that all workers try to have; nobody removes or overwrites them."""
WEIGHTS = {
    "upload": 22,
    "left": 8,
    "again": 5,
    "other": 4,
    "overwrite": 8,
    "overwrite-left": 3,
    "link": 4,
    "download": 15,
    "rm": 5,
    "alias": 5,
    "session": 7,
    "shared": 4,
    "sync": 3,
    "look": 7,
    "verify": 4,
    "verify-all": 1,
    "gc": 2,
    "rebuild": 1,
}
KILLED = 0.15
"""Of the clients; a tenth of them is asked to end instead."""
_LOOKS = (("ls",), ("runs",), ("status",), ("service", "status"))
Ref = tuple[str, str, str]


@dataclass(frozen=True)
class Step:
    """One operation, a process of its own."""

    name: str
    """Unique; that of its run where it makes one."""
    kind: str
    argv: tuple[str, ...]
    ref: Ref | None = None
    source: Source | None = None
    target: str | None = None
    """The destination of a download; a further alias; the notes of a session; what a link links."""
    call: str = COMMAND_LINE
    rows: int = 0
    kill: float | None = None
    """Seconds after which it is killed."""
    signal: str = "SIGKILL"


def text(ref: Ref) -> str:
    return f"{ref[0]}/{ref[1]}:{ref[2]}"


class Plan:
    """The steps of one worker. Sources and destinations lie below `directory`."""

    def __init__(self, seed: int, worker: int, directory: Path) -> None:
        self._rng = random.Random(f"soak {seed} {worker}")
        self._worker = worker
        self._directory = directory
        self._sources = Sources(directory / "src")
        self._changing: dict[Ref, Source] = {}
        """What may be overwritten and removed, with what was last to be there."""
        self._fixed: dict[Ref, Source] = {}
        self._number = 0

    def steps(self) -> Iterator[Step]:
        """Without end."""
        while True:
            kinds = [kind for kind in WEIGHTS if self._is_possible(kind)]
            kind = self._rng.choices(kinds, [WEIGHTS[kind] for kind in kinds])[0]
            yield self._step(kind)

    def _is_possible(self, kind: str) -> bool:
        if kind in ("other", "overwrite", "overwrite-left", "rm"):
            return bool(self._changing)
        return kind not in ("again", "link", "download", "alias", "verify") or bool(self._changing and self._fixed)

    def _step(self, kind: str) -> Step:
        self._number += 1
        name = f"w{self._worker}-{self._number}"
        made: Step = getattr(self, "_" + kind.replace("-", "_"))(name, kind)
        if self._rng.random() >= KILLED:
            return made
        gentle = self._rng.random() < 0.1
        signal = self._rng.choice(("SIGINT", "SIGTERM")) if gentle else "SIGKILL"
        return replace(made, kill=self._rng.uniform(0.02, 1.5), signal=signal)

    # ---- one a kind ----

    def _upload(self, name: str, kind: str) -> Step:
        source, changes = self._new_source(name), self._rng.random() < 0.4
        ref = (self._rng.choice(("dataset", "model")), f"n{self._worker}-{self._rng.randrange(3)}", f"a{self._number}")
        (self._changing if changes else self._fixed)[ref] = source
        return self._sending(name, kind, ref, source)

    def _left(self, name: str, kind: str) -> Step:
        return self._upload(name, kind)

    def _again(self, name: str, kind: str) -> Step:
        ref, source = self._known()
        return self._sending(name, kind, ref, source)

    def _other(self, name: str, kind: str) -> Step:
        return self._sending(name, kind, self._rng.choice(list(self._changing)), self._new_source(name))

    def _overwrite(self, name: str, kind: str) -> Step:
        ref = self._rng.choice(list(self._changing))
        self._changing[ref] = self._new_source(name)
        return self._sending(name, kind, ref, self._changing[ref])

    def _overwrite_left(self, name: str, kind: str) -> Step:
        return self._overwrite(name, kind)

    def _shared(self, name: str, kind: str) -> Step:
        ref = self._rng.choice(SHARED)
        if self._rng.random() < 0.5:
            return self._fetching(name, "download-shared", ref)
        return self._sending(name, kind, ref, self._sources.make(name, self._rng, "small"))

    def _link(self, name: str, kind: str) -> Step:
        base = self._rng.choice([one for one in self._fixed if one[0] != "link"])
        ref = ("link", f"n{self._worker}", f"a{self._number}")
        self._fixed[ref] = self._fixed[base]
        argv = ("link", "/".join(base), *_identity(ref))
        return Step(name, kind, self._recorded(name, argv), ref, self._fixed[base], text(base))

    def _download(self, name: str, kind: str) -> Step:
        return self._fetching(name, kind, self._known()[0])

    def _rm(self, name: str, kind: str) -> Step:
        ref = self._rng.choice(list(self._changing))
        return Step(name, kind, ("rm", text(ref)), ref)

    def _alias(self, name: str, kind: str) -> Step:
        ref, _ = self._known()
        return Step(name, kind, ("alias", text(ref), f"tag-{name}"), ref, target=f"tag-{name}")

    def _session(self, name: str, kind: str) -> Step:
        ref, source, rows = ("model", f"s{self._worker}", f"a{self._number}"), self._new_source(name), self._count()
        self._fixed[ref] = source
        notes = str(self._directory / "notes" / name)
        wait = self._rng.random() < 0.7
        order = {"name": name, "rows": rows, "source": source.path, "ref": ref, "wait": wait, "notes": notes}
        call = "tests.load.soak.session:session"
        return Step(name, kind, (json.dumps(order),), ref, source, notes, call, rows)

    def _sync(self, name: str, kind: str) -> Step:
        return Step(name, kind, ("sync",))

    def _look(self, name: str, kind: str) -> Step:
        ref = text(self._known()[0]) if self._changing and self._fixed else "model/none:none"
        more = (("show", ref, "--files"), ("lineage", ref, "--format", "json"))
        return Step(name, kind, self._rng.choice((*_LOOKS, *more)))

    def _verify(self, name: str, kind: str) -> Step:
        ref, _ = self._known()
        return Step(name, kind, ("verify", text(ref), "--deep"), ref)

    def _verify_all(self, name: str, kind: str) -> Step:
        return Step(name, kind, ("verify", "--all"))

    def _gc(self, name: str, kind: str) -> Step:
        return Step(name, kind, ("gc", "--apply"), call="tests.faults.sessions:collect_soon")

    def _rebuild(self, name: str, kind: str) -> Step:
        return Step(name, kind, ("rebuild",))

    # ---- parts of them ----

    def _sending(self, name: str, kind: str, ref: Ref, source: Source) -> Step:
        argv = ("upload", source.path, *_identity(ref))
        argv += ("--overwrite",) if "overwrite" in kind else ()
        argv += ("--no-wait",) if "left" in kind else ()
        return Step(name, kind, self._recorded(name, argv), ref, source)

    def _fetching(self, name: str, kind: str, ref: Ref) -> Step:
        target = str(self._directory / "out" / name)
        return Step(name, kind, self._recorded(name, ("download", text(ref), "-d", target)), ref, target=target)

    @staticmethod
    def _recorded(name: str, argv: tuple[str, ...]) -> tuple[str, ...]:
        return ("--run-name", name, *argv)

    def _known(self) -> tuple[Ref, Source]:
        return self._rng.choice([*self._changing.items(), *self._fixed.items()])

    def _new_source(self, name: str) -> Source:
        size = self._rng.choices(("small", "many", "large"), (80, 17, 3))[0]
        return self._sources.make(name, self._rng, size)  # type: ignore[arg-type]

    def _count(self) -> int:
        return self._rng.choice((5, 50, 500))


def _identity(ref: Ref) -> tuple[str, ...]:
    return ("-n", ref[1], "-t", ref[0], "-a", ref[2])
