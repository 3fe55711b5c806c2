"""The secrets that seal request state, kept and rotated by Secrets Manager."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from lambent.errors import ConfigurationError
from lambent.stores.aws import Resource
from lambent.stores.keys import MIN_SECRET_LENGTH

CURRENT, PREVIOUS, PENDING = "AWSCURRENT", "AWSPREVIOUS", "AWSPENDING"
"""What Secrets Manager calls the versions of a secret."""

RENEWAL_SECONDS = 10.0
"""A ring is not read again sooner: who sends states that nothing opens decides how often it is asked for."""

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
"""Answers that stay the same until somebody changes the deployment. Others, such as throttling, pass."""


class SecretKeys:
    """A ring of the current and the previous version of a secret, read at first need.

    Args:
        secret: its name or ARN. Its values are plain strings of at least 32 characters.
        secrets_manager: a boto3 client; default: one from the environment, made at first use.
        clock: seconds that only ever rise.
    """

    def __init__(
        self, secret: str, secrets_manager: Any = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._secret = Resource("secretsmanager", secret, secrets_manager)
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
        """See ``Keys.renewed``; the secret is read again unless it was in the last ten seconds.

        Raises:
            ConfigurationError: as ``ring``.
            StoreError: as ``ring``.
        """
        with self._reading:
            is_fresh = self._clock() - self._read_at < RENEWAL_SECONDS
            return self._ring if self._ring is not None and is_fresh else self._read()

    def forget(self) -> None:
        """See ``Keys.forget``: the secret is read anew at next need."""
        with self._reading:
            self._ring = None

    def _read(self) -> tuple[bytes, ...]:
        self._read_at = self._clock()
        # In this order: a rotation in between gives the same one twice. The other way round it would take
        # away the one that has just become the previous one.
        current, previous = self._version(CURRENT), self._version(PREVIOUS)
        if current is None:
            raise self._unusable(_UNUSABLE[_NOT_FOUND])
        if len(current) < MIN_SECRET_LENGTH:
            raise self._unusable(
                f"its value must be a plain string of at least {MIN_SECRET_LENGTH} characters; make one with "
                "`openssl rand -hex 32`"
            )
        # A previous one that is too short has never sealed anything either.
        usable = previous is not None and len(previous) >= MIN_SECRET_LENGTH
        ring = [current, previous] if usable and previous != current else [current]
        self._ring = tuple(str(secret).encode() for secret in ring)
        return self._ring

    def _version(self, stage: str) -> str | None:
        """A version's value; None where there is no such version, empty where it is binary."""
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
