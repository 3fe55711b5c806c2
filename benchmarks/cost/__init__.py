"""What calls cost, in dollars per million, from measured time, counted requests and public prices.

Measured is the built artifact under Lambda's own runtime client, with a local AWS behind a proxy that counts.
"""
