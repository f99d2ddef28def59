"""Transfers of WaBucketRef spread over the workers of a Dask cluster."""

from wabucketref_dask.plugin import PLUGIN, DaskOptions, DaskPlugin

__all__ = ["PLUGIN", "DaskOptions", "DaskPlugin"]
