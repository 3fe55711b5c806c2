"""AWS on this machine, as far as tasks and sessions need it: what `lambent dev --aws` runs.

::

    template.yaml ──► stack ──► resources ──► MiniStack, a child process
                                                 │ messages
    environments ◄── variables                 poller ──► workers
"""
