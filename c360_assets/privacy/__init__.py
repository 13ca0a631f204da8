"""Requests of people: what is held about somebody, forgetting them, and the proof of it.

A request finds rows (`people`), the rows become work (`work`), the work is done in every store of
the one list (`stores`), searched for (`search`) and ends in a receipt (`receipts`). What keeps
people from coming back is `warehouse.suppression` and its use in `ingest`.
"""
