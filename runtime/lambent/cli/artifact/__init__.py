"""What Lambda is given: packages, code and bytecode, for Linux, without what is never used there.

::

    requirements ──► packages.py ──► contents.py ──► bytecode.py ──► a folder: same inputs, same bytes
                     uv installs     leaves out      compiles
"""
