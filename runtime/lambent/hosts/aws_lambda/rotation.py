"""The function that rotates the secret of ``LAMBENT_STATE_SECRET``.

Secrets Manager calls it four times for each rotation:

=================  ================================================================
``createSecret``   make a new version, labelled ``AWSPENDING``
``setSecret``      tell whoever else has to know: nobody, every function reads it
``testSecret``     see that the new version seals and opens
``finishSecret``   label it ``AWSCURRENT``; the one before becomes ``AWSPREVIOUS``
=================  ================================================================

Any of them may be called again. States that were sealed before a rotation stay good after it, as the previous
version is part of the ring; after two rotations they are not.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from lambent.errors import LambentError
from lambent.execution.rounds.sealing import Binding, Sealer, State
from lambent.stores.aws import client
from lambent.stores.keys import MIN_SECRET_LENGTH, StaticKeys
from lambent.stores.secrets import CURRENT, PENDING

_RANDOM_BYTES = 48
"""64 characters of URL-safe Base64."""


class RotationError(LambentError):
    """A rotation cannot go on. Secrets Manager shows it, and tries again later."""


def handler(event: Mapping[str, Any], context: Any) -> None:
    """Take one step of a rotation.

    Args:
        event: of Secrets Manager, with ``Step``, ``SecretId`` and ``ClientRequestToken``, which is the id of
            the new version.
        context: Lambda's context object; not used.

    Raises:
        RotationError: the event is none of a rotation that is under way, or the new version cannot seal.
    """
    try:
        step, secret, token = _STEPS[event["Step"]], event["SecretId"], event["ClientRequestToken"]
    except (KeyError, TypeError):
        raise RotationError(
            f"This function takes Secrets Manager's events, whose Step is one of {', '.join(_STEPS)}"
        ) from None
    manager = client("secretsmanager")
    versions: dict[str, list[str]] = manager.describe_secret(SecretId=secret)["VersionIdsToStages"]
    stages = versions.get(token, [])
    if CURRENT in stages:
        return  # a step that comes late: everything is done
    if PENDING not in stages:
        raise RotationError(f"Version {token} of {secret} is not about to become the current one")
    step(manager, secret, token, versions)


def _create(manager: Any, secret: str, token: str, versions: Mapping[str, list[str]]) -> None:
    if _pending(manager, secret, token) is not None:
        return
    try:
        manager.put_secret_value(
            SecretId=secret,
            ClientRequestToken=token,
            SecretString=secrets.token_urlsafe(_RANDOM_BYTES),
            VersionStages=[PENDING],
        )
    except manager.exceptions.ResourceExistsException:
        return  # the same step, made twice at once: the other one was faster, and its value is as good


def _set(manager: Any, secret: str, token: str, versions: Mapping[str, list[str]]) -> None:
    """Nobody has to be told: functions read the secret when they need it."""


def _test(manager: Any, secret: str, token: str, versions: Mapping[str, list[str]]) -> None:
    value = _pending(manager, secret, token)
    if value is None:
        # A schedule that does not begin at once is tried with this step alone, before anything is pending.
        value = manager.get_secret_value(SecretId=secret, VersionStage=CURRENT).get("SecretString", "")
    if len(value) < MIN_SECRET_LENGTH:
        raise RotationError(f"A secret must be a plain string of at least {MIN_SECRET_LENGTH} characters")
    sealer = Sealer(StaticKeys([value]), time.time, 60, "rotation")
    binding = Binding("rotation", secret, "", "", sealer.audience)
    sealer.open(sealer.seal(binding, State()), binding)


def _finish(manager: Any, secret: str, token: str, versions: Mapping[str, list[str]]) -> None:
    current = next(version for version, stages in versions.items() if CURRENT in stages)
    # Secrets Manager itself labels the one that loses this label as the previous one.
    manager.update_secret_version_stage(
        SecretId=secret, VersionStage=CURRENT, MoveToVersionId=token, RemoveFromVersionId=current
    )


def _pending(manager: Any, secret: str, token: str) -> str | None:
    """The new version's value; None where it has none yet."""
    try:
        found = manager.get_secret_value(SecretId=secret, VersionId=token, VersionStage=PENDING)
    except manager.exceptions.ResourceNotFoundException:
        return None
    return str(found.get("SecretString", ""))


_STEPS: Final[Mapping[str, Callable[[Any, str, str, Mapping[str, list[str]]], None]]] = MappingProxyType(
    {"createSecret": _create, "setSecret": _set, "testSecret": _test, "finishSecret": _finish}
)
