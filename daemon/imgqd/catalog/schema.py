"""The catalog's tables, as numbered steps; `PRAGMA user_version` is the last step taken.

A step is never changed once released: a later one mends it.
"""

from __future__ import annotations

from typing import Final

STEPS: Final = (
    """
    CREATE TABLE root (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        path BLOB NOT NULL UNIQUE,
        dev INTEGER, inode INTEGER,          -- NULL until the folder was seen once
        online INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE TABLE folder (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        root INTEGER NOT NULL REFERENCES root,
        path BLOB NOT NULL UNIQUE
    ) STRICT;
    CREATE INDEX folder_root ON folder (root);
    CREATE TABLE image (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        hash BLOB NOT NULL UNIQUE,
        format TEXT NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL,
        live INTEGER NOT NULL DEFAULT 0,     -- a file on an online root shows it
        orphaned REAL                        -- since when no file shows it
    ) STRICT;
    CREATE INDEX image_orphaned ON image (orphaned) WHERE orphaned IS NOT NULL;
    CREATE TABLE file (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        folder INTEGER NOT NULL REFERENCES folder,
        name BLOB NOT NULL,
        dev INTEGER NOT NULL, inode INTEGER NOT NULL, size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('pending', 'indexed', 'failed')),
        image INTEGER REFERENCES image,
        reason TEXT, detail TEXT,
        attempts INTEGER NOT NULL DEFAULT 0, -- counted before decoding
        version INTEGER NOT NULL DEFAULT 0,  -- grows with each change of the content
        noticed REAL NOT NULL DEFAULT 0,
        live INTEGER NOT NULL DEFAULT 0,     -- the watcher's, not a scan's: goes first
        UNIQUE (folder, name)
    ) STRICT;
    CREATE INDEX file_inode ON file (inode, dev);
    CREATE INDEX file_image ON file (image);
    CREATE INDEX file_pending ON file (attempts, live DESC, id) WHERE state = 'pending';
    CREATE INDEX file_noticed ON file (noticed) WHERE state = 'pending';
    CREATE INDEX file_failed ON file (reason) WHERE state = 'failed';
    -- Files that went away lately: a move that is seen as "gone here, new there".
    CREATE TABLE departed (
        inode INTEGER NOT NULL, dev INTEGER NOT NULL, size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL, image INTEGER NOT NULL, gone REAL NOT NULL
    ) STRICT;
    CREATE INDEX departed_inode ON departed (inode, dev);
    CREATE INDEX departed_gone ON departed (gone);
    CREATE TABLE model (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        key TEXT NOT NULL UNIQUE,            -- tells these weights from all others
        name TEXT NOT NULL,
        dim INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE vector (
        image INTEGER NOT NULL REFERENCES image ON DELETE CASCADE,
        model INTEGER NOT NULL REFERENCES model,
        data BLOB NOT NULL,                  -- float16, unit length
        UNIQUE (model, image)
    ) STRICT;
    CREATE INDEX vector_image ON vector (image);
    CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
    CREATE VIRTUAL TABLE words USING fts5 (  -- rowid is the file's id
        name, folder, tokenize = "unicode61 remove_diacritics 2"
    );
    """,
)
