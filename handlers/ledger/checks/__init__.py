"""What `verifying` looks at: accounts, vouchers, closed days, people's records, and the guards.

A check only reads, in pieces, so that a million accounts with thirty million entries need no memory
of their own.  It believes nothing that a constraint should have kept out: whoever has the password
of the database can take constraints away.
"""
