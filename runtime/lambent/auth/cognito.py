"""``Cognito``: the access tokens of an Amazon Cognito user pool."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from msgspec.structs import force_setattr

from lambent.auth.oauth import OAuth
from lambent.errors import DeclarationError

_POOL = r"([a-z]{2}(?:-[a-z]+)+-[0-9]+)_[0-9A-Za-z]+"


class Cognito(OAuth, frozen=True, kw_only=True):
    """The access tokens of a user pool: ``OAuth`` with the issuer's URL, which follows from the pool's id.

    Access tokens of Cognito have no ``aud``, unless a client has asked for a resource. Tokens without are
    taken from the clients that are named here, so they have to be; ID tokens, which the pool signs too, are
    refused. Give the scopes of your resource server as well: any app client of the list gets tokens without
    them, also those for changing the user's own attributes (``aws.cognito.signin.user.admin``).

    Attributes:
        user_pool_id: such as ``eu-west-1_a1B2c3D4e``.
        client_ids: the pool's app clients whose tokens are taken.
        region: of the pool; default: the one in its id.
        issuer_type: as ``IssuerConfiguration`` of the pool has it; pools with replicas have ``UPDATED``.
        issuer: not to be given.

    Raises:
        DeclarationError: something is missing, or is no id of a pool.
    """

    user_pool_id: str
    region: str = ""
    issuer_type: Literal["ORIGINAL", "UPDATED"] = "ORIGINAL"
    issuer: str | Sequence[str] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot work, and find the issuer's URL."""
        found = re.fullmatch(_POOL, self.user_pool_id)
        if found is None:
            raise DeclarationError(
                f"{self.user_pool_id!r} is no id of a user pool, such as eu-west-1_a1B2c3D4e; the ids of "
                "identity pools have a colon, and those of app clients no underscore"
            )
        if self.issuer:
            raise DeclarationError("The issuer of a user pool follows from its id: leave issuer out")
        if isinstance(self.client_ids, str) or not self.client_ids:
            raise DeclarationError(
                "Name the app clients in client_ids=[…]: tokens of Cognito do not say for whom they are"
            )
        region = self.region or found[1]
        if not re.fullmatch(r"[a-z0-9-]+", region):
            raise DeclarationError(f"{region!r} is no region")
        if self.issuer_type not in ("ORIGINAL", "UPDATED"):
            raise DeclarationError(f"issuer_type must be ORIGINAL or UPDATED, not {self.issuer_type!r}")
        service = "cognito-idp" if self.issuer_type == "ORIGINAL" else "issuer-cognito-idp"
        domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        force_setattr(self, "issuer", f"https://{service}.{region}.{domain}/{self.user_pool_id}")
        super().__post_init__()
