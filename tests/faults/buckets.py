"""A second pair of eyes on S3 buckets: the plain AWS client, which knows nothing of us."""

from typing import Any

from tests.servers import ACCESS_KEY, REGION, SECRET_KEY, Server


def client(server: Server) -> Any:
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        region_name=REGION,
        config=Config(s3={"addressing_style": "path"}, proxies={}),
    )


def objects(server: Server, bucket: str) -> dict[str, bytes]:
    """All objects of an S3 bucket (a name or URL) by key."""
    s3, name = client(server), bucket.removeprefix("s3://")
    try:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=name)
        keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
        return {key: s3.get_object(Bucket=name, Key=key)["Body"].read() for key in keys}
    finally:
        s3.close()


def unfinished(server: Server, bucket: str) -> list[str]:
    """Multipart uploads that were neither completed nor aborted."""
    s3 = client(server)
    try:
        answer = s3.list_multipart_uploads(Bucket=bucket.removeprefix("s3://"))
        return [one["Key"] for one in answer.get("Uploads", ())]
    finally:
        s3.close()
