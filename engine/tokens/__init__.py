"""SpiffWorkflow made flat, durable and bounded: the token state of one request."""
