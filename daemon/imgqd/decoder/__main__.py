"""`python -m imgqd.decoder FD NICE`: serve the core on the inherited socket of that number."""

from imgqd.decoder.process import main

main()
