"""A trace as a page to read, print and attach.

Gathered by `content`, `branches` and `measured`, drawn by `pictures`, written by `page` and `files`.

Whatever comes from a trace is hostile here: it is made safe by `core.text` when it is gathered, and escaped when it is
written. No part asks a model anything.
"""
