"""A client of MCP servers, for the commands that call them: over HTTP, or an app of this machine in process.

The official SDK has one, whose import alone takes 0.8 s; `lambent call` is to take less than 0.4 s with all
it does. HTTP is urllib3's.
"""
