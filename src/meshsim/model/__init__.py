"""Room model (floor 1): pure data, and where it is kept.

Read in this order: ``states`` (enums and tables of moves), ``specs`` (what a user asks for),
``objects`` (what exists), ``events`` (what a commit tells), ``store`` (tables, transactions, watchers).
"""
