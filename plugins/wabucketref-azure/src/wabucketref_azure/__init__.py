"""Azure Blob Storage for WaBucketRef: ``az://CONTAINER[/PREFIX]``."""

from wabucketref_azure.plugin import PLUGIN, AzureOptions, AzurePlugin

__all__ = ["PLUGIN", "AzureOptions", "AzurePlugin"]
