"""Audit: one record of each call, for whoever has to know later who did what. Loaded where it is on."""
