"""imgqd: the daemon that keeps picture folders searchable by what the pictures show."""
