"""The secrets that seal request state, from Secrets Manager, which also rotates them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from lambent.errors import ConfigurationError
from lambent.stores.aws import AwsResource, require_boto3
from lambent.stores.keys import MIN_SECRET_LENGTH

CURRENT, PREVIOUS, PENDING = "AWSCURRENT", "AWSPREVIOUS", "AWSPENDING"
"""The labels by which Secrets Manager names the versions of a secret."""

RENEWAL_SECONDS = 10.0
"""The shortest time between two reads: anybody can send states that no secret opens, and so cause a read."""

_NOT_FOUND = "ResourceNotFoundException"

_UNUSABLE = {
    "AccessDeniedException": "this function may not read it: allow secretsmanager:GetSecretValue on it, and "
    "kms:Decrypt where it is encrypted with a key of your own",
    _NOT_FOUND: "there is no such secret with a value here",
    "DecryptionFailure": "the key that it is encrypted with cannot be used",
    "InvalidRequestException": "it is being deleted",
    "ValidationException": "this is no name and no ARN of a secret",
    "InvalidParameterException": "this is no name and no ARN of a secret",
}
"""Errors that last until somebody changes the deployment. Others, such as throttling, may pass."""


class SecretKeys:
    """The current and the previous version of a secret with a name or ARN, read at first use.

    Its values are plain strings of at least 32 characters. The clock gives monotonic seconds.

    Raises:
        ConfigurationError: boto3 is not installed.
    """

    def __init__(
        self, secret: str, secrets_manager: Any = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        if secrets_manager is None:
            require_boto3("LAMBENT_STATE_SECRET")
        self._secret = AwsResource("secretsmanager", secret, secrets_manager)
        self._clock = clock
        self._reading = threading.Lock()
        self._ring: tuple[bytes, ...] | None = None
        self._read_at = 0.0

    def ring(self) -> Sequence[bytes]:
        """See ``Keys.ring``.

        Raises:
            ConfigurationError: the secret cannot be read, or its value cannot be used.
            StoreError: Secrets Manager cannot be reached, or answers with an error that may pass.
        """
        with self._reading:
            return self._ring if self._ring is not None else self._read()

    def renewed(self) -> Sequence[bytes]:
        """See ``Keys.renewed``; as ``ring``, but what was read ten seconds ago is read again."""
        with self._reading:
            is_fresh = self._clock() - self._read_at < RENEWAL_SECONDS
            return self._ring if self._ring is not None and is_fresh else self._read()

    def forget(self) -> None:
        """See ``Keys.forget``: the secret is read again at the next use."""
        with self._reading:
            self._ring = None

    def _read(self) -> tuple[bytes, ...]:
        self._read_at = self._clock()
        # In this order: if a rotation finishes in between, both reads give the same version. In the other
        # order the version that has just become the previous one would be missing.
        current, previous = self._version(CURRENT), self._version(PREVIOUS)
        if current is None:
            raise self._unusable(_UNUSABLE[_NOT_FOUND])
        if len(current) < MIN_SECRET_LENGTH:
            raise self._unusable(
                f"its value must be a plain string of at least {MIN_SECRET_LENGTH} characters; make one with "
                "`openssl rand -hex 32`"
            )
        ring = [current]
        # A previous version that is too short was never used for sealing.
        if previous and previous != current and len(previous) >= MIN_SECRET_LENGTH:
            ring.append(previous)
        self._ring = tuple(secret.encode() for secret in ring)
        return self._ring

    def _version(self, stage: str) -> str | None:
        """A version's value; None if there is no such version, empty if it is binary."""
        with self._secret.calling("GetSecretValue") as manager:
            try:
                found = manager.get_secret_value(SecretId=self._secret.name, VersionStage=stage)
            except manager.exceptions.ClientError as error:
                code = error.response["Error"]["Code"]
                if code == _NOT_FOUND:
                    return None
                if code in _UNUSABLE:
                    raise self._unusable(_UNUSABLE[code]) from error
                raise
        return str(found.get("SecretString", ""))

    def _unusable(self, why: str) -> ConfigurationError:
        return ConfigurationError(
            f"The secret of LAMBENT_STATE_SECRET, {self._secret.name!r}, cannot be used: {why}"
        )
