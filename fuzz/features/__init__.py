"""The features of the server under attack: one of every kind."""
