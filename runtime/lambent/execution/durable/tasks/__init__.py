"""Tasks: calls that outlive their request (extension ``io.modelcontextprotocol/tasks``, SEP-2663).

``record`` is what a store keeps, ``service`` what requests do with it, ``worker`` what runs it.
"""
