"""What a server is given to identify its callers."""

from __future__ import annotations

from collections.abc import Sequence

from lambent.auth.authenticator import AuthDeclaration
from lambent.errors import DeclarationError


def checked(auth: AuthDeclaration | Sequence[AuthDeclaration]) -> tuple[AuthDeclaration, ...]:
    """What ``auth=`` has.

    Raises:
        DeclarationError: something in it would fail with every request.
    """
    given = tuple(auth) if isinstance(auth, Sequence) else (auth,)
    for one in given:
        if isinstance(one, type) or not (hasattr(one, "authenticate") or hasattr(one, "connect")):
            kind = f"the class {one.__name__}" if isinstance(one, type) else type(one).__name__
            text = (
                f"auth takes an authenticator, such as OAuth(issuer='https://login.example.com'), not {kind}"
            )
            raise DeclarationError(text)
    return given
