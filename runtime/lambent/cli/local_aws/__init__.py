"""A local AWS for tasks and sessions: what `lambent dev --aws` runs.

::

    template.yaml ──► stack ──► MiniStack, a child process: CloudFormation, DynamoDB, SQS, S3, Secrets Manager
                                    │ outputs             │ messages
                   environments ◄───┘                   poller ──► workers
"""
