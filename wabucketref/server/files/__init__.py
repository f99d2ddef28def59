"""The area ``files``: files of runs."""

from typing import Final

from wabucketref.server.area import Area
from wabucketref.server.files import change, read

AREA: Final = Area(
    "files",
    {
        "Mutation": {
            "createRunFiles": change.create_run_files,
            "markRunFilesUploaded": change.mark_run_files_uploaded,
            "deleteFiles": change.delete_files,
        },
        "Run": {"files": read.files_of_run, "fileCount": read.file_count},
        "File": {"url": read.url},
    },
    uploaded={"run_file": change.uploaded},
    run_deleted=change.run_deleted,
)
