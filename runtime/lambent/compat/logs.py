"""Logging with the functions of the official SDK."""

from __future__ import annotations

import logging
from typing import Literal

LINE = "%(levelname)s %(name)s: %(message)s"
"""How a record is written."""


def get_logger(name: str) -> logging.Logger:
    """The logger of a module."""
    return logging.getLogger(name)


def configure_logging(
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO",
) -> None:
    """Have the root logger write to standard error at a level, unless the program has set it up."""
    logging.basicConfig(level=level, format=LINE)
