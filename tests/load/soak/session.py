"""A script of a user: logs rows, uploads in the middle, notes what was acknowledged to it. Runs in a zygote's child."""

import json
import os
import sys
import traceback
from collections.abc import Sequence

from wabucketref import WaBucketError, WaBucketRefAPI


def session(argv: Sequence[str]) -> int:
    """`argv`: one JSON object with ``name``, ``rows``, ``source``, ``ref`` (type, name, alias), ``wait``, ``notes``."""
    order = json.loads(argv[0])
    kind, name, alias = order["ref"]
    try:
        with WaBucketRefAPI() as api:
            run = api.wandb_start_run(order["name"], run_args={"rows": order["rows"]})
            for number in range(order["rows"]):
                run.log({"n": number, "square": number * number})
                _note(order["notes"], f"row {number}")
                if number == order["rows"] // 2:
                    ticket = api.upload(order["source"], name, kind, alias, wait=False)
            if order["wait"]:
                ticket.wait(300)
                _note(order["notes"], "uploaded")
            run.summary["rows"] = order["rows"]
        _note(order["notes"], "finished")
    except WaBucketError as error:
        print(f"error: {error}\nhint: {error.hint}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:  # as the interpreter would end
        return 130
    except Exception:
        traceback.print_exc()
        return 1
    return 0


def _note(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(descriptor, f"{text}\n".encode())
    os.close(descriptor)
