"""What uvicorn serves."""

import msgspec
from tests.chaos.calls.plan import read_plan
from tests.chaos.calls.served import make
from tests.support import SETTINGS

app = make().asgi(msgspec.structs.replace(SETTINGS, table=read_plan().table))
