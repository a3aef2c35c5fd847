"""What is kept for later: the outbox, long jobs, messages, drafts."""
