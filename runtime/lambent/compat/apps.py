"""``Apps`` with the names of the official SDK."""

from __future__ import annotations

from typing import Any

from lambent.errors import DeclarationError
from lambent.features.apps import APP_MIME_TYPE, check_uri
from lambent.features.apps import Apps as NativeApps

_UNSAID = (None, "text/plain")
"""Media types of a resource for which none was written."""


class Apps(NativeApps):
    """Tools and their pages, for ``MCPServer(extensions=[apps])``; see ``lambent.Apps``."""

    def add_resource(self, resource: Any) -> None:
        """Contribute a page that is a resource already, such as a ``FileResource``.

        Raises:
            DeclarationError: its URI is no ``ui://``, or its media type is not that of pages.
        """
        uri = str(resource.uri)
        check_uri(uri)
        if resource.mime_type in _UNSAID:
            resource.mime_type = APP_MIME_TYPE
        if resource.mime_type != APP_MIME_TYPE:
            raise DeclarationError(f"{uri}: hosts show pages with the media type {APP_MIME_TYPE} alone")
        self._pages.add(uri)
        self._add(resource.add_to)
