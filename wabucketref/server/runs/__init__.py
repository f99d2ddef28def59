"""The area ``runs``: projects and runs, made, resumed, streamed and read."""

from typing import Final

from wabucketref.server.area import Area
from wabucketref.server.runs import change, console, counts, history, listing, projects, stream, upsert, views

AREA: Final = Area(
    "runs",
    {
        "Query": {"project": projects.project, "model": projects.project, "models": listing.models},
        "Mutation": {
            "upsertBucket": upsert.upsert_bucket,
            "upsertModel": change.upsert_model,
            "deleteRun": change.delete_run,
            "updateRunState": change.update_run_state,
            "stopRun": change.stop_run,
            "rewindRun": change.rewind_run,
        },
        "Entity": {"projects": listing.projects_of_entity},
        "Project": {
            "run": views.run_of_project,
            "bucket": views.run_of_project,
            "runs": listing.runs_of_project,
            "runCount": listing.run_count,
        },
        "Run": {
            "wandbConfig": views.wandb_config,
            "project": projects.project_of_run,
            "user": views.user_of_run,
            "historyLineCount": counts.history_line_count,
            "eventsLineCount": counts.events_line_count,
            "logLineCount": counts.log_line_count,
            "historyTail": counts.history_tail,
            "eventsTail": counts.events_tail,
            "history": history.run_history,
            "events": history.events,
            "sampledHistory": history.sampled_history,
            "historyKeys": history.history_keys,
            "parquetHistory": history.parquet_history,
            "logLines": console.log_lines,
        },
    },
    routes=(stream.ROUTE,),
)
