"""Verifies requests with the package of Standard Webhooks, in an environment of its own.

Standard input has a list of ``[secret, headers, body]``, standard output gets what was signed, or the error.
"""

import json
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError


def verified(secret: str, headers: dict[str, str], body: str) -> object:
    try:
        return Webhook(secret).verify(body, headers)
    except WebhookVerificationError as error:
        return str(error)


json.dump([verified(*one) for one in json.load(sys.stdin)], sys.stdout)
