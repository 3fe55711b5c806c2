"""AWS Lambda: events in, responses out."""
