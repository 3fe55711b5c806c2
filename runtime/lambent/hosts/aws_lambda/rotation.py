"""The function that rotates the secret of ``LAMBENT_STATE_SECRET``.

Secrets Manager invokes it four times for each rotation:

=================  ================================================================
``createSecret``   create a new version with the label ``AWSPENDING``
``setSecret``      nothing: no other service has a copy of the secret
``testSecret``     seal and open a state with the new version
``finishSecret``   label it ``AWSCURRENT``; the old one becomes ``AWSPREVIOUS``
=================  ================================================================

Each step may be repeated. A state that was sealed before a rotation can be opened after it, because the
previous version is still used for opening; after a second rotation it cannot.

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
    """A rotation cannot continue. Secrets Manager shows the error, and tries again later."""


def handler(event: Mapping[str, Any], context: Any) -> None:
    """Take one step of a rotation.

    Args:
        event: of Secrets Manager, with ``Step``, ``SecretId`` and ``ClientRequestToken``, the new version's
            id.
        context: Lambda's context object; not used.

    Raises:
        RotationError: the event belongs to no current rotation, or the new version cannot be used.
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
        return  # a repeated step of a rotation that is finished
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
        return  # the same step ran at the same time and has set a value


def _set(manager: Any, secret: str, token: str, versions: Mapping[str, list[str]]) -> None:
    """Nothing to do: functions read the secret when they need it."""


def _test(manager: Any, secret: str, token: str, versions: Mapping[str, list[str]]) -> None:
    value = _pending(manager, secret, token)
    if value is None:
        # When a schedule is set up, Secrets Manager tries this step alone, without a pending version.
        value = manager.get_secret_value(SecretId=secret, VersionStage=CURRENT).get("SecretString", "")
    if len(value) < MIN_SECRET_LENGTH:
        raise RotationError(f"A secret must be a plain string of at least {MIN_SECRET_LENGTH} characters")
    sealer = Sealer(StaticKeys([value]), time.time, 60, "rotation")
    binding = Binding("rotation", secret, "", "", sealer.audience)
    sealer.open(sealer.seal(binding, State()), binding)


def _finish(manager: Any, secret: str, token: str, versions: Mapping[str, list[str]]) -> None:
    current = next(version for version, stages in versions.items() if CURRENT in stages)
    # Secrets Manager itself moves the label of the previous version.
    manager.update_secret_version_stage(
        SecretId=secret, VersionStage=CURRENT, MoveToVersionId=token, RemoveFromVersionId=current
    )


def _pending(manager: Any, secret: str, token: str) -> str | None:
    """The new version's value; None if it has none yet."""
    try:
        found = manager.get_secret_value(SecretId=secret, VersionId=token, VersionStage=PENDING)
    except manager.exceptions.ResourceNotFoundException:
        return None
    return str(found.get("SecretString", ""))


_STEPS: Final[Mapping[str, Callable[[Any, str, str, Mapping[str, list[str]]], None]]] = MappingProxyType(
    {"createSecret": _create, "setSecret": _set, "testSecret": _test, "finishSecret": _finish}
)
