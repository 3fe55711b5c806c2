"""The discovery documents in S3, from where CloudFront can serve them without any function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lambent.errors import StoreError
from lambent.stores.aws import AwsResource
from lambent.wire.discovery_documents import CACHE_CONTROL, Document

PREFIX = "cards"
"""What keys begin with; then comes the path: ``cards/orders/mcp/server-card``."""


class CardBucket:
    """Publishes documents in a bucket, each with its media type, and removes them; see ``aws.Resource``."""

    def __init__(self, bucket: str, s3: Any = None) -> None:
        self._bucket = AwsResource("s3", bucket, s3)

    def publish(self, documents: Mapping[str, Document]) -> None:
        """Put documents, by path and in their order, then remove those of an earlier deploy.

        Raises:
            StoreError: some could not be written or removed.
        """
        with self._bucket.calling("PutObject") as s3:
            for path, document in documents.items():
                s3.put_object(
                    Bucket=self._bucket.name,
                    Key=PREFIX + path,
                    Body=document.body,
                    ContentType=document.media_type,
                    CacheControl=CACHE_CONTROL,
                )
        self._remove(f"{PREFIX}/", {PREFIX + path for path in documents})

    def clear(self, *, everything: bool = False) -> None:
        """Remove all documents; with ``everything`` all objects, so that the bucket can be deleted.

        Raises:
            StoreError: some could not be removed.
        """
        self._remove("" if everything else f"{PREFIX}/", set())

    def _remove(self, prefix: str, kept: set[str]) -> None:
        # Page by page: an invocation that runs out of time has removed some, and the next one goes on.
        with self._bucket.calling("ListObjectsV2") as s3:
            pages = s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket.name, Prefix=prefix)
            try:
                for page in pages:
                    found = [item["Key"] for item in page.get("Contents", ())]
                    self._remove_keys([key for key in found if key not in kept])
            except s3.exceptions.NoSuchBucket:
                return

    def _remove_keys(self, keys: list[str]) -> None:
        if not keys:
            return
        deletion = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
        with self._bucket.calling("DeleteObjects") as s3:
            failed = s3.delete_objects(Bucket=self._bucket.name, Delete=deletion).get("Errors")
        if failed:
            first = failed[0]
            raise StoreError(
                f"s3: DeleteObjects of {self._bucket.name!r} failed for {len(failed)} objects: "
                f"{first['Key']}: {first.get('Message')}"
            )
