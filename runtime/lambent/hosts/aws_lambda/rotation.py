"""The function that rotates the secret of ``LAMBENT_STATE_SECRET``.

Secrets Manager invokes it four times for each rotation:

=================  ================================================================
``createSecret``   create a new version with the label ``AWSPENDING``
``setSecret``      nothing: no other service has a copy of the secret
``testSecret``     seal and open a state with the new version
``finishSecret``   label it ``AWSCURRENT``; the old one becomes ``AWSPREVIOUS``
=================  ================================================================

Each step may be repeated. The previous version still opens states, so those that were sealed before a
rotation stay valid until the next one.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import Any

from lambent.errors import LambentError
from lambent.execution.ports import Keys
from lambent.execution.rounds.sealing import Binding, Sealer, State
from lambent.stores.aws import client
from lambent.stores.keys import MIN_SECRET_LENGTH, StaticKeys
from lambent.stores.secrets import CURRENT, PENDING

_STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")


class RotationError(LambentError):
    """A rotation cannot continue. Secrets Manager shows the error, and tries again later."""


def handler(event: Mapping[str, Any], context: Any) -> None:
    """Take the step of a rotation that an event of Secrets Manager names.

    Raises:
        RotationError: the event belongs to no current rotation, or the new version cannot be used.
    """
    try:
        step, secret, token = event["Step"], event["SecretId"], event["ClientRequestToken"]
    except (KeyError, TypeError):
        step = None
    if step not in _STEPS:
        raise RotationError(
            f"This function takes Secrets Manager's events, whose Step is one of {', '.join(_STEPS)}"
        )
    manager = client("secretsmanager")
    versions: dict[str, list[str]] = manager.describe_secret(SecretId=secret)["VersionIdsToStages"]
    stages = versions.get(token, [])
    if CURRENT in stages:
        return  # a repeated step of a rotation that is finished
    if PENDING not in stages:
        raise RotationError(f"Version {token} of {secret} is not about to become the current one")
    if step == "createSecret":
        _create(manager, secret, token)
    elif step == "testSecret":
        _test(manager, secret, token)
    elif step == "finishSecret":
        current = next(version for version, stages in versions.items() if CURRENT in stages)
        # Secrets Manager itself moves the label of the previous version.
        manager.update_secret_version_stage(
            SecretId=secret, VersionStage=CURRENT, MoveToVersionId=token, RemoveFromVersionId=current
        )


def seal_and_open(keys: Keys) -> None:
    """Seal a state and open it again, which shows that the keys work and loads what sealing needs."""
    sealer, binding = Sealer(keys, time.time, 60, ""), Binding("", "", "", "", "")
    sealer.open(sealer.seal(binding, State()), binding)


def _create(manager: Any, secret: str, token: str) -> None:
    if _pending(manager, secret, token) is not None:
        return
    try:
        manager.put_secret_value(
            SecretId=secret,
            ClientRequestToken=token,
            SecretString=secrets.token_urlsafe(48),  # 64 characters
            VersionStages=[PENDING],
        )
    except manager.exceptions.ResourceExistsException:
        return  # the same step ran at the same time and has set a value


def _test(manager: Any, secret: str, token: str) -> None:
    value = _pending(manager, secret, token)
    if value is None:
        # When a schedule is set up, Secrets Manager tries this step alone, without a pending version.
        value = manager.get_secret_value(SecretId=secret, VersionStage=CURRENT).get("SecretString", "")
    if len(value) < MIN_SECRET_LENGTH:
        raise RotationError(f"A secret must be a plain string of at least {MIN_SECRET_LENGTH} characters")
    seal_and_open(StaticKeys([value]))


def _pending(manager: Any, secret: str, token: str) -> str | None:
    """The new version's value; None if it has none yet."""
    try:
        found = manager.get_secret_value(SecretId=secret, VersionId=token, VersionStage=PENDING)
    except manager.exceptions.ResourceNotFoundException:
        return None
    return str(found.get("SecretString", ""))
