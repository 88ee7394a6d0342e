"""imgq_service: how the daemon lives in a desktop session."""
