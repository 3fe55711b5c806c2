"""What to do about errors and settings of a Redis or Valkey; loaded when there is something to say."""

from __future__ import annotations

NO_EVICTION = (
    "Set maxmemory-policy noeviction: with any other one the server forgets tasks and sessions when its "
    "memory is full."
)
PERSISTENCE = (
    "Set appendonly yes, so that a restart loses nothing; with appendfsync everysec a crash may lose what "
    "was written in the last second."
)
PRIMARY = "Name the primary: a replica takes no writes. Behind one address, that address has to follow it."
REPLICA = "Give it a replica for failover, and min-replicas-to-write 1 so that it takes no write alone."
NEWER = "Use Redis 7 or Valkey 7.2, or a newer one."
NO_CLUSTER = "Use one server, or a primary with replicas: several keys are changed at once, in any slots."
DISK = "Look into the server's log: its disk may be full, or not its own to write to."

_TLS = "Where the server wants TLS, write rediss:// in place of redis://."
_CERTIFICATE = (
    "Name the host as its certificate does, and with ?ssl_ca_certs=/path/ca.pem who has issued it; where the "
    "server wants a certificate too, give ssl_certfile and ssl_keyfile."
)

_ADVICE = (
    (
        "AuthenticationError",
        (
            "Correct user and password in the URL: redis://user:password@host. In a password #, / and @ are "
            "written %23, %2F and %40."
        ),
    ),
    (
        "NoPermissionError",
        (
            "Allow the user of the URL all commands, on the keys and channels lambent:*: ACL SETUSER user on "
            ">password ~lambent:* &lambent:* +@all."
        ),
    ),
    ("ReadOnlyError", PRIMARY),
    (
        "OutOfMemoryError",
        "Give the server more memory (maxmemory). What it has is kept, and may expire or be removed.",
    ),
    ("MISCONF", DISK),
    (
        "NOREPLICAS",
        "Bring its replicas back: with min-replicas-to-write the server takes no writes without them.",
    ),
    ("BusyLoadingError", "Wait: the server reads its data after a start."),
    ("MasterDownError", PRIMARY),
    ("ClusterDownError", NO_CLUSTER),
    ("ClusterCrossSlotError", NO_CLUSTER),
    ("MovedError", NO_CLUSTER),
    ("DB index is out of range", "Use a database that the server has (databases): redis://host:6379/0."),
    ("max number of clients", "Let the server have more clients (maxclients), or start fewer processes."),
    ("No connection available", "Start more processes: all connections of this one are in use."),
    ("CERTIFICATE_VERIFY_FAILED", _CERTIFICATE),
    (
        "WRONG_VERSION_NUMBER",
        "Where the server has no TLS at this port, write redis:// in place of rediss://.",
    ),
    ("SSL", _CERTIFICATE),
    ("violation of protocol", _CERTIFICATE),
    ("reset by peer", _TLS),
    ("closed by server", _TLS),
    ("not known", "Correct the name of the host: no address is known for it from here."),
    ("name resolution", "Correct the name of the host: no address is known for it from here."),
    ("refused", "Correct host and port, or start the server: nobody listens there."),
    (
        "Timeout",
        (
            "Look whether firewalls, security groups or network policies let this process reach the server. "
            "A server without TLS does not answer rediss:// either."
        ),
    ),
    ("ConnectionError", "Look whether the server runs and can be reached from here."),
)
"""What is in the name of the class of an error or in its text, the first of which counts; and what to do."""


def advice_of(error: BaseException) -> str:
    """What to do about an error.

    Args:
        error: as redis-py or the system has raised it.

    Returns:
        A sentence or two; nothing where the error says all that is known.
    """
    said = f"{type(error).__name__}: {error}"
    return next((advice for mark, advice in _ADVICE if mark in said), "")
