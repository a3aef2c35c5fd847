"""What the hall tells people: messages inside the hall, and short messages (12329) to their phones.

`announcements` writes both inside the verb's transaction; `delivery` carries the short messages out
after its commit, through `gateways`.  A process must call `delivery.configure` once at start.
"""
