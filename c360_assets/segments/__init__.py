"""Segments and campaigns: groups of people by declared conditions, and what is sent to them.

Reads the tables of the databases that `customer_360` builds. How people are shown belongs to
`reporting`, how Dagster draws it to `assets`.
"""
