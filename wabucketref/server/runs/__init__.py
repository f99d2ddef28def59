"""The area ``runs``: projects and runs, made, resumed, streamed and read."""

from typing import Final

from wabucketref.server.area import Area
from wabucketref.server.runs import counts, projects, stream, upsert, views

AREA: Final = Area(
    "runs",
    {
        "Query": {"project": projects.project, "model": projects.project},
        "Mutation": {"upsertBucket": upsert.upsert_bucket},
        "Project": {"run": views.run_of_project, "bucket": views.run_of_project},
        "Run": {
            "wandbConfig": views.wandb_config,
            "project": projects.project_of_run,
            "user": views.user_of_run,
            "historyLineCount": counts.history_line_count,
            "eventsLineCount": counts.events_line_count,
            "logLineCount": counts.log_line_count,
            "historyTail": counts.history_tail,
            "eventsTail": counts.events_tail,
        },
    },
    routes=(stream.ROUTE,),
)
