"""The decoder process: an open file becomes pixels and metadata, in a sandbox. The home of Pillow.

Rules of this package: it never opens a path. It gets descriptors, reads them once
into memory, and everything that follows (hash, metadata, pixels) is of those very
bytes, whatever happens to the files meanwhile. It runs under limits that it cannot
lift, and may die at any moment: nobody loses more than the one picture.
"""
