"""Error responses of OAuth."""

from typing import Any


class OAuthRefusedError(Exception):
    """An error response (RFC 6749, section 5.2).

    Args:
        error: The code.
        description: For people.
        status: The HTTP status.
        headers: Further ones of the response.
    """

    def __init__(
        self, error: str, description: str = "", *, status: int = 400, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(error, description)
        self.error = error
        self.status = status
        self.headers = headers or {}
        self.body: dict[str, Any] = {
            "error": error,
            **({"error_description": description} if description else {}),
        }
