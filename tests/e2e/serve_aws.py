"""MiniStack over HTTPS and HTTP, able to expand SAM templates.

`python -P serve_aws.py PACKAGES CERTIFICATE KEY ADDRESS MAIN LISTENER PIPE`: the last two are as for `MAIN`,
and HTTPS is served on the listener. The port of HTTP is written to the file ADDRESS.

Deployed functions run on this interpreter and see what is installed for it. What sam brings along is added
for this process alone: a function that lacks a dependency of its own fails here as it would in Lambda.
"""

import runpy
import socket
import sys
from pathlib import Path

_, packages, certificate, key, address, main, *sockets = sys.argv
sys.path.append(packages)
with socket.create_server(("127.0.0.1", 0)) as plain:
    Path(address).write_text(f"http://127.0.0.1:{plain.getsockname()[1]}")
    settings = {"certfile": certificate, "keyfile": key, "insecure_bind": [f"fd://{plain.fileno()}"]}
    sys.exit(runpy.run_path(main)["main"](sockets, **settings))
