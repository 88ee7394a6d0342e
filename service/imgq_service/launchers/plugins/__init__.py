"""Plug-ins that other programs load: copied as they are, with the command line filled in.

Rules of this folder: a file runs in the Python of its launcher, which may be older than ours
and knows nothing of imgq. So it imports nothing of ours, and asks by a command.
"""
