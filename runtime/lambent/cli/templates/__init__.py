"""What a template says of a deployment before there is one, for `lambent doctor`.

::

    template.yaml ──► front_ends ──► what calls each function, and whether it passes on streams
                          └────────► streams ──► findings: what does not belong together
"""
