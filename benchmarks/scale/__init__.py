"""What many users cost, and where they meet quotas: arithmetic, and a simulation of fleets.

Service times are measured: on Lambda, and of the official SDK and of Lambent behind uvicorn, in one run.
"""
