"""Writes the sequence diagram of one real upload into the docs: ``python -m tests.tools.sequence [--check]``.

The events of each thread are shown in the order in which they happened. Between threads the order that is shown is one
of the possible ones, always the same: a record that was written is processed by the sender at once, a transfer comes to
its end while the client polls, and each stage of finish is answered before the next.
"""

import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.tools.generate import DOCS, run
from wabucketref.service.trace import Event, read_trace

PAGE = "explanation/service.md"
BEGIN, END = "<!-- sequence begin -->\n", "<!-- sequence end -->\n"
PARTICIPANTS = (
    ("client", "client"),
    ("transport", "transport"),
    ("finish", "finish"),
    ("HandlerT", "HandlerT"),
    ("WriterT", "WriterT"),
    ("journal", "journal"),
    ("SenderT", "SenderT"),
    ("tracker", "tracker"),
    ("DataPlane", "DataPlane"),
    ("tickets", "ticket table"),
)


def record_upload(work: Path) -> list[Event]:
    """Upload a small directory with the embedded defaults in `work`; the trace."""
    from wabucketref.operations.upload import upload
    from wabucketref.settings import load_settings
    from wabucketref.wiring import open_workspace

    (work / "photos").mkdir()
    (work / "photos" / "one.jpg").write_bytes(b"tabby")
    environ = {"WABUCKET_HOME": str(work / "home"), "USER": "team"}
    given = {"project_name": "demo", "tracker": "embedded", "trace": "trace"}
    settings = load_settings(given, environ=environ, directory=work)
    with open_workspace(settings, environ={}) as workspace:
        upload(workspace, work / "photos", "cats", "dataset", "2024-06-01")
    events = list(read_trace(work / "trace"))
    # The journal's note of what is acknowledged comes by the clock, on a slow machine in the middle of things.
    return [event for event in events if not event.message.startswith("acknowledged ")]


def in_order(events: list[Event]) -> list[Event]:
    """The events of all threads as one story; see the module's text.

    Raises:
        ValueError: the trace tells another story than the one this program knows.
    """
    caller = [event for event in events if not event.thread.startswith(("sender-", "transfer-"))]
    transfer = [event for event in events if event.thread.startswith("transfer-")]
    blocks = _blocks([event for event in events if event.thread.startswith("sender-")])
    story: list[Event] = []

    def tell(told: list[Event]) -> None:
        for event in told:
            story.append(event)
            if event.target == "journal" or event.message.startswith("Defer "):
                story.extend(blocks.pop(event.message))
            if event.message == "ArtifactPoll":
                rest, transfer[:] = list(transfer), []
                tell(rest)

    tell(caller)
    if blocks or len(story) != len(events):
        raise ValueError(f"these were left over: {sorted(blocks)}")
    return story


def _blocks(sender: list[Event]) -> dict[str, list[Event]]:
    """The sender's events by what set them off: a record in the journal, or a Defer."""
    found: dict[str, list[Event]] = {}
    key = ""
    for event in sender:
        if event.source == "journal":
            key = event.message
        elif event.message.startswith("Deferred "):
            key = event.message.replace("Deferred", "Defer")
        found.setdefault(key, []).append(event)
    return found


def diagram(events: list[Event]) -> str:
    """The events as a mermaid sequence diagram, ids and places replaced by stable words."""
    return "\n".join(_lines(events)) + "\n"


def _lines(events: list[Event]) -> Iterator[str]:
    yield "```mermaid"
    yield "sequenceDiagram"
    for name, title in PARTICIPANTS:
        yield f"    participant {name} as {title}"
    for event in events:
        yield f"    {event.source}->>{event.target}: {_stable(event.message)}"
    yield "```"


def _stable(message: str) -> str:
    message = re.sub(r"\bxid=\w+", "xid=XID", message)
    message = re.sub(r"\brun \w+$", "run RUN", message)
    return re.sub(r"file://\S*/buckets/", "file://…/", message)


def page() -> str:
    """The page of the service with a diagram made just now."""
    with tempfile.TemporaryDirectory() as work:
        made = diagram(in_order(record_upload(Path(work))))
    before, _, rest = (DOCS / PAGE).read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{made}{END}{after}"


if __name__ == "__main__":
    sys.exit(run(PAGE, page()))
