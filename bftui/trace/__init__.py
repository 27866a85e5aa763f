"""The trace: the JSON document that a session is saved as, and the journal that it keeps while it runs.

Data in, data out: nothing here knows a model or a screen.
"""
