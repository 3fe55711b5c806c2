"""Blobs in S3."""

from __future__ import annotations

from typing import Any

from lambent.stores.aws import AwsResource


class S3Blobs:
    """Keeps blobs in a bucket; a lifecycle rule of the bucket removes them.

    Args:
        bucket: the bucket's name.
        s3: a boto3 client; default: one from the environment, made at first use.
    """

    def __init__(self, bucket: str, s3: Any = None) -> None:
        self._bucket = AwsResource("s3", bucket, s3)

    def put(self, name: str, data: bytes) -> None:
        """See ``Blobs.put``."""
        with self._bucket.calling("PutObject") as s3:
            s3.put_object(Bucket=self._bucket.name, Key=name, Body=data, ContentType="application/json")

    def get(self, name: str) -> bytes | None:
        """See ``Blobs.get``."""
        with self._bucket.calling("GetObject") as s3:
            try:
                data: bytes = s3.get_object(Bucket=self._bucket.name, Key=name)["Body"].read()
            except s3.exceptions.NoSuchKey:
                return None
        return data
