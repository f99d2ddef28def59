"""A provider's bucket, opened by the driver for its kind with the credentials that the platform granted."""

from collections.abc import Mapping
from typing import Final

from wabucketref.errors import SettingsError, Unsupported
from wabucketref.plugin import Storage, open_gs_with_token, open_s3
from wabucketref_apolo.platform import Granted

S3_LIKE: Final = frozenset({"aws", "minio", "seaweedfs", "open_stack"})
_AWS: Final = {
    "AWS_ACCESS_KEY_ID": "access_key_id",
    "AWS_SECRET_ACCESS_KEY": "secret_access_key",
    "AWS_SESSION_TOKEN": "session_token",
    "AWS_REGION": "region_name",
    "AWS_ENDPOINT_URL_S3": "endpoint_url",
}


def opened(granted: Granted, path: str, environ: Mapping[str, str]) -> Storage:
    """The bucket, or the directory `path` in it. `environ`: settings of drivers, such as timeouts; no credentials."""
    values = granted.values
    place = "/".join(part for part in (_needed(granted, "bucket_name"), path) if part)
    plain = {name: value for name, value in environ.items() if not name.startswith(("AWS_", "AZURE_"))}
    if granted.provider in S3_LIKE:
        _needed(granted, "access_key_id")
        aws = {variable: values[name] for variable, name in _AWS.items() if values.get(name)}
        aws.setdefault("AWS_REGION", "us-east-1")
        return open_s3(f"s3://{place}", {**plain, **aws, "AWS_EC2_METADATA_DISABLED": "true"})
    if granted.provider == "gcp":
        return open_gs_with_token(f"gs://{place}", plain, _needed(granted, "access_token"))
    if granted.provider == "azure":
        return _azure(granted, place, plain)
    raise Unsupported(f"buckets of the provider {granted.provider!r} are not known", hint="update wabucketref-apolo")


def _azure(granted: Granted, place: str, environ: Mapping[str, str]) -> Storage:
    try:
        from wabucketref_azure import PLUGIN, AzureOptions
    except ImportError as error:
        raise SettingsError(
            "this bucket is in Azure, which needs wabucketref-azure", hint="pip install wabucketref-azure"
        ) from error
    endpoint, sas = _needed(granted, "storage_endpoint"), granted.values.get("sas_token")
    text = granted.values.get("credential")  # not temporary: an account key
    options = AzureOptions.model_validate(
        {"endpoint": endpoint, "sas_token": sas, "account_key": None if sas else text}
    )
    return PLUGIN.configured(options).open(f"az://{place}", environ)


def _needed(granted: Granted, name: str) -> str:
    if not granted.values.get(name):
        raise SettingsError(f"the platform's credentials lack {name!r}", hint="update wabucketref-apolo")
    return granted.values[name]
