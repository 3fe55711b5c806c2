"""The router in front of the functions of template.yaml, whose names it has from there."""

import os

from lambent import FunctionRouter

handler = FunctionRouter({"orders": os.environ["ORDERS"], "greetings": os.environ["GREETINGS"]})
