"""Stores of pictures beyond this machine, and the way there.

`interface` is what every store answers; `local` answers it from this machine's own catalog and
index, `milvus` from a server that several machines share. `delivery` brings such a store up to
what the catalog says, `verifying` compares the two. docs/stores.md says what is still missing.
"""
