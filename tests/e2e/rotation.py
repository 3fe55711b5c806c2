"""Rotates secrets as Secrets Manager does."""

from uuid import uuid4

from tests.e2e.cloud import Cloud


def rotate_secret(cloud: Cloud, secret: str, function: str) -> None:
    """Rotate a secret as Secrets Manager does: through the four steps of its function.

    MiniStack's own rotation calls no function, and labels no version that has no value yet: so the first step
    finds that somebody has taken it before.

    Args:
        cloud: where.
        secret: its name.
        function: the name of the function.

    Raises:
        AssertionError: a step failed.
    """
    manager, token = cloud.client("secretsmanager"), str(uuid4())
    manager.put_secret_value(
        SecretId=secret, ClientRequestToken=token, SecretString=uuid4().hex * 2, VersionStages=["AWSPENDING"]
    )
    for step in ("createSecret", "setSecret", "testSecret", "finishSecret"):
        event = {"Step": step, "SecretId": secret, "ClientRequestToken": token}
        cloud.invoke(function, event)
    versions = manager.describe_secret(SecretId=secret)["VersionIdsToStages"]
    assert "AWSCURRENT" in versions[token], versions
