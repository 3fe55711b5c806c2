"""The discovery documents in S3, from where CloudFront can serve them without any function."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from lambent.errors import LambentError
from lambent.stores.aws import client
from lambent.wire.discovery_documents import CACHE_CONTROL, Document

PREFIX = "cards"
"""What keys begin with; then comes the path: ``cards/orders/mcp/server-card``."""


class PublishingError(LambentError):
    """S3 did not do what it was asked for."""


class CardBucket:
    """Publishes documents in a bucket, each with its media type, and takes them away.

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

    def publish(self, documents: Mapping[str, Document]) -> None:
        """Put documents, in their order, then remove those of an earlier deploy that are not among them.

        Args:
            documents: by path.

        Raises:
            PublishingError: some could not be removed.
        """
        keys = {PREFIX + path: document for path, document in documents.items()}
        for key, document in keys.items():
            self._s3.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=document.body,
                ContentType=document.media_type,
                CacheControl=CACHE_CONTROL,
            )
        self._remove(f"{PREFIX}/", but=keys)

    def clear(self, *, everything: bool = False) -> None:
        """Remove all documents. A bucket that is gone has none.

        Args:
            everything: all other objects too, so that the bucket can be deleted.

        Raises:
            PublishingError: some could not be removed.
        """
        try:
            self._remove("" if everything else f"{PREFIX}/")
        except self._s3.exceptions.NoSuchBucket:
            return

    def _remove(self, prefix: str, but: Container[str] = ()) -> None:
        # Page by page, a thousand as one request of either kind takes: whoever runs out of time has removed
        # something, and may go on from there.
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
            objects = [{"Key": item["Key"]} for item in page.get("Contents", ()) if item["Key"] not in but]
            if not objects:
                continue
            answer = self._s3.delete_objects(Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True})
            if failed := answer.get("Errors"):
                first = failed[0]
                raise PublishingError(
                    f"{len(failed)} objects could not be removed: {first['Key']}: {first.get('Message')}"
                )
