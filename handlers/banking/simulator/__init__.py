"""A bank to practise with: its own HTTP server, its own file, failures and delays on request.

The hall talks to it as to any bank; only the commands that start it use what is in here.
"""
