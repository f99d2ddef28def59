"""``python -m tests.benchmarks.planes [--scale 0.2] [--rounds 3]``: what one request costs on each data plane.

The bare calls of the storage contract, in processes of their own that take turns, against the raw server: processor
time a call of 16 KiB, and for each GiB of large objects; beside them obstore's own calls, and s5cmd as a whole process.
"""

import argparse
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks.contenders import _program
from tests.benchmarks.measure import measure
from tests.benchmarks.server import Target, build, start_raw

SMALL, PART, RANGE, LARGE = 16 << 10, 8 << 20, 64 << 20, 512 << 20
WORKS = {"put": (10_000, 16), "get": (10_000, 16), "up": (64, 4), "down": (8, 2)}
"""Calls, and threads that make them: of 16 KiB, in parts of 8 MiB, in ranges of 64 MiB."""
PLANES = ("native", "fsspec", "obstore")


def one(plane: str, work: str, calls: int, bucket: str) -> dict[str, float]:
    """Carry out a work here; the seconds that it took."""
    act = (of_obstore if plane == "obstore" else of_storage)(plane, work, bucket)
    act(0)  # connections, imports
    numbers, lock = iter(range(calls)), threading.Lock()

    def turn() -> None:
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            act(number)

    threads = [threading.Thread(target=turn) for _ in range(WORKS[work][1])]
    begun, used = time.perf_counter(), cpu()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"wall": time.perf_counter() - begun, "cpu": cpu() - used}


def cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def of_storage(plane: str, work: str, bucket: str) -> Callable[[int], Any]:
    from wabucketref.store.native.factory import S3

    store = S3.open(f"s3://{bucket}", {**os.environ, "WABUCKET_DATA_PLANE": plane})
    small, part = os.urandom(SMALL), os.urandom(PART)
    if work == "up":
        upload = store.start_multipart("large", PART)
        return lambda number: upload.put_part(number + 1, part)
    return {
        "put": lambda number: store.put(f"small-{number}", small),
        "get": lambda number: store.read(f"small-{number}", limit=SMALL),
        "down": lambda number: store.read_to("whole", number * RANGE, RANGE, len),
    }[work]


def of_obstore(plane: str, work: str, bucket: str) -> Callable[[int], Any]:
    import obstore
    from obstore.store import S3Store

    store = S3Store(
        bucket,
        endpoint=os.environ["AWS_ENDPOINT_URL"],
        virtual_hosted_style_request=False,
        unsigned_payload=True,
        retry_config={"max_retries": 0},
        client_options={"allow_http": True, "allow_invalid_certificates": True},
    )
    small, part = os.urandom(SMALL), os.urandom(PART)

    def stream(number: int) -> None:
        chosen = obstore.get(store, "whole", options={"range": (number * RANGE, (number + 1) * RANGE)})
        for _ in chosen.stream(min_chunk_size=1 << 20):
            pass

    return {
        "put": lambda number: obstore.put(store, f"small-{number}", small, use_multipart=False),
        "get": lambda number: obstore.get(store, f"small-{number}").bytes(),
        "up": lambda number: obstore.put(store, f"part-{number % 4}", part, use_multipart=False),
        "down": stream,
    }[work]


def in_turns(
    server: Target, scale: float, rounds: int, work_directory: Path
) -> Iterator[tuple[str, str, float, float]]:
    """Plane, work, and the medians of processor and wall seconds, for each call or GiB."""
    bucket = server.new_bucket()
    environ = {**os.environ, **server.environ}
    whole = work_directory / "whole"
    with whole.open("wb") as file:
        for _ in range(LARGE >> 20):
            file.write(os.urandom(1 << 20))
    s5cmd = [str(_program("s5cmd")), "--endpoint-url", server.endpoint, "--no-verify-ssl", "cp"]
    subprocess.run([*s5cmd, str(whole), f"s3://{bucket}/whole"], env=environ, check=True, capture_output=True)
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for _, work in itertools.product(range(rounds), WORKS):
        calls = max(int(WORKS[work][0] * scale), 8) if work in ("put", "get") else WORKS[work][0]
        units = calls if work in ("put", "get") else LARGE / (1 << 30)
        for plane in PLANES:
            command = [sys.executable, "-m", "tests.benchmarks.planes", "--one", plane, work, str(calls), bucket]
            ran = subprocess.run(command, env=environ, check=True, capture_output=True, text=True)
            took = json.loads(ran.stdout)
            found.setdefault((plane, work), []).append((took["cpu"] / units, took["wall"] / units))
        if work in ("up", "down"):
            pair = [str(whole), f"s3://{bucket}/other"] if work == "up" else [f"s3://{bucket}/whole", f"{whole}.out"]
            took = measure([*s5cmd, *pair], environ, work_directory)
            found.setdefault(("s5cmd", work), []).append((took.cpu / units, took.wall / units))
    for (plane, work), figures in found.items():
        processor, wall = (statistics.median(column) for column in zip(*figures, strict=True))
        yield plane, work, processor, wall


def table(rows: list[tuple[str, str, float, float]]) -> str:
    """Processor time with its ratio to the native plane's, and wall time."""
    own = {work: processor for plane, work, processor, _ in rows if plane == "native"}
    lines = ["| | 16 KiB up | 16 KiB down | 1 GiB up | 1 GiB down |", "| --- | --- | --- | --- | --- |"]
    for plane in (*PLANES, "s5cmd"):
        cells = []
        for work in WORKS:
            chosen = [row for row in rows if row[:2] == (plane, work)]
            if not chosen:
                cells.append("–")
                continue
            _, _, processor, wall = chosen[0]
            shown = f"{processor * 1e6:.0f} µs" if work in ("put", "get") else f"{processor:.2f} s, wall {wall:.2f} s"
            cells.append(f"{shown} ({processor / own[work]:.1f})")
        lines.append(f"| {plane} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.planes", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the small calls (default 1)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scheme", choices=["http", "https"], action="append", help="only this one")
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        plane, work, calls, bucket = options.one
        print(json.dumps(one(plane, work, int(calls), bucket)))
        return
    with tempfile.TemporaryDirectory(
        prefix="bench-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    ) as place:
        program = build(Path(place))
        for scheme in options.scheme or ("http", "https"):
            server = start_raw(program, Path(place), tls=scheme == "https")
            try:
                rows = list(in_turns(server, options.scale, options.rounds, Path(place)))
            finally:
                server.stop()
            print(
                f"\n{scheme}, load average {os.getloadavg()[0]:.1f}\n\n{table(rows)}",
                flush=True,
            )


if __name__ == "__main__":
    main()
