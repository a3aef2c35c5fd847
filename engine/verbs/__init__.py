"""What happens to a request: each verb one function, one transaction, one history row."""
