"""What a session asks of a model, answered in this process or by a worker process."""
