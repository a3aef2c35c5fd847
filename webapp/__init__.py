"""The web front of the hall: pages, sign-in, the app factory.  Only this room knows Flask."""
