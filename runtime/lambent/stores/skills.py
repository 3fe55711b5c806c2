"""Skills in a bucket, which change without a deploy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lambent.errors import DeclarationError
from lambent.features.skills.files import MAX_BYTES, SkillFile
from lambent.stores.aws import AwsResource


class S3Skills:
    """The skills below a prefix of a bucket, for ``MCPServer.skills``; see ``AwsResource``.

    The function's role needs ``s3:GetObject`` for the objects, and ``s3:ListBucket`` for the bucket: without
    it, S3 says of an object that is not there that access is denied.

    Args:
        bucket: its name.
        prefix: what keys begin with, such as ``skills/``; default: nothing.
        s3: a boto3 client; default: one from the environment, made at first use.

    Raises:
        DeclarationError: the prefix begins with a slash.
        ConfigurationError: boto3 is not installed.
    """

    def __init__(self, bucket: str, prefix: str = "", s3: Any = None) -> None:
        if prefix.startswith("/"):
            raise DeclarationError(f"Keys of S3 begin with no slash, and so does no prefix: {prefix!r}")
        self._bucket = AwsResource("s3", bucket, s3)
        self._prefix = f"{prefix.rstrip('/')}/" if prefix else ""

    def files(self, folder: str) -> Iterator[SkillFile]:
        """See ``SkillFiles.files``; the version is the ETag.

        Raises:
            StoreError: the bucket cannot be listed.
        """
        start = f"{self._prefix}{folder}/" if folder else self._prefix
        with self._bucket.calling("ListObjectsV2") as s3:
            pages = s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket.name, Prefix=start)
            for page in pages:
                for item in page.get("Contents", ()):
                    yield SkillFile(item["Key"].removeprefix(self._prefix), item["Size"], item["ETag"])

    def read(self, path: str) -> bytes | None:
        """See ``SkillFiles.read``; an object that is larger than a skill may be is not there.

        Raises:
            StoreError: the object cannot be read.
        """
        with self._bucket.calling("GetObject") as s3:
            try:
                found = s3.get_object(Bucket=self._bucket.name, Key=f"{self._prefix}{path}")
            except s3.exceptions.NoSuchKey:
                return None
            with found["Body"] as body:
                data: bytes | None = None if found["ContentLength"] > MAX_BYTES else body.read()
        return data
