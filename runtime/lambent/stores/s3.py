"""Blobs in S3."""

from __future__ import annotations

from typing import Any

from lambent.stores.aws import client


class S3Blobs:
    """Keeps blobs in a bucket; a lifecycle rule of the bucket forgets them.

    Args:
        bucket: the bucket's name.
        s3: a boto3 client; default: one from the environment, made at first use.
    """

    def __init__(self, bucket: str, s3: Any = None) -> None:
        self._bucket = bucket
        self._given = s3

    @property
    def _s3(self) -> Any:
        return self._given if self._given is not None else client("s3")

    def put(self, name: str, data: bytes) -> None:
        """See ``Blobs.put``."""
        self._s3.put_object(Bucket=self._bucket, Key=name, Body=data, ContentType="application/json")

    def get(self, name: str) -> bytes | None:
        """See ``Blobs.get``."""
        try:
            data: bytes = self._s3.get_object(Bucket=self._bucket, Key=name)["Body"].read()
        except self._s3.exceptions.NoSuchKey:
            return None
        return data
