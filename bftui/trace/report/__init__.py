"""A trace as a page to read, print and attach.

Gathered by `content`, `branch_rows` and `sections`, drawn by `figures`, written by `html_page` and `report_files`.

Whatever comes from a trace is hostile here: it is made safe by `core.text` when it is gathered, and escaped when it is
written. No part asks a model anything.
"""
