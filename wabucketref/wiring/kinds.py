"""What is known of each kind of plugin, whoever makes one."""

from typing import Final

OFFERED: Final = {
    "storage": {"az": "wabucketref-azure", "abfs": "wabucketref-azure", "bucket": "wabucketref-apolo"},
    "executor": {"dask": "wabucketref-dask"},
}
"""Names of plugins of ours, for the hint where they are not installed."""

MEMBERS: Final = {
    "storage": ("open",),
    "tracker": ("open",),
    "context": ("name", "detect"),
    "outputs": ("name", "detect", "write"),
    "executor": ("open",),
}
"""What an implementation of each kind must have."""
