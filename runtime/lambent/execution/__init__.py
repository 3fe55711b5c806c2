"""Running a call: dispatch, context, replay and sealing. Plain synchronous code; effects through ports."""
