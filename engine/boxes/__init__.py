"""What people look at: the five boxes, the desk, one request, incidents, jobs."""
