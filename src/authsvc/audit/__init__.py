"""The ledger: what happened, written beside the fact itself and never changed.

It lies below the rooms, because all of them write into it; it knows none of them.
"""
