"""What people searched for, and what the shop could not answer.

A query is counted, never who asked it: no user, no session, no address, no time but the day. What looks like a personal
detail is not kept at all.
"""
