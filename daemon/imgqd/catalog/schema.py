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
    """
    ALTER TABLE image ADD COLUMN added REAL NOT NULL DEFAULT 0;   -- Unix seconds
    ALTER TABLE image ADD COLUMN taken TEXT;          -- YYYY-MM-DDTHH:MM:SS by the place's clock
    ALTER TABLE image ADD COLUMN taken_offset INTEGER;            -- its seconds before UTC
    ALTER TABLE image ADD COLUMN taken_from TEXT;
    ALTER TABLE image ADD COLUMN camera TEXT;
    ALTER TABLE image ADD COLUMN lens TEXT;
    ALTER TABLE image ADD COLUMN latitude REAL;
    ALTER TABLE image ADD COLUMN longitude REAL;
    ALTER TABLE image ADD COLUMN rating INTEGER;
    ALTER TABLE image ADD COLUMN title TEXT;
    ALTER TABLE image ADD COLUMN description TEXT;
    ALTER TABLE image ADD COLUMN software TEXT;
    ALTER TABLE image ADD COLUMN screenshot INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE image ADD COLUMN frames INTEGER NOT NULL DEFAULT 1;
    CREATE TABLE keyword (
        image INTEGER NOT NULL REFERENCES image ON DELETE CASCADE,
        word TEXT NOT NULL COLLATE NOCASE,
        UNIQUE (image, word)
    ) STRICT;
    CREATE INDEX keyword_word ON keyword (word);
    -- What filters ask for.
    CREATE INDEX image_taken ON image (taken);
    CREATE INDEX image_added ON image (added);
    CREATE INDEX image_camera ON image (camera);
    CREATE INDEX image_lens ON image (lens);
    CREATE INDEX image_place ON image (latitude, longitude) WHERE latitude IS NOT NULL;
    CREATE INDEX image_rating ON image (rating);
    CREATE INDEX image_format ON image (format);
    CREATE INDEX image_width ON image (width, height);
    CREATE INDEX image_height ON image (height);
    CREATE INDEX image_pixels ON image (width * height);
    CREATE INDEX image_frames ON image (frames) WHERE frames > 1;
    CREATE INDEX image_screenshot ON image (id) WHERE screenshot;
    CREATE INDEX file_folder ON file (folder, image);
    CREATE INDEX file_name ON file (name, image, folder);
    CREATE INDEX file_size ON file (size, image, folder);
    CREATE INDEX file_mtime ON file (mtime_ns, image, folder);
    CREATE INDEX keyword_image ON keyword (image);
    CREATE INDEX image_raw ON image (id) WHERE format = 'raw';
    -- What pictures look like. Not columns of image: a filter would read ten times as much.
    CREATE TABLE print (
        image INTEGER PRIMARY KEY REFERENCES image ON DELETE CASCADE,
        code INTEGER NOT NULL,               -- 64 bits: of one picture they are nearly the same
        data BLOB NOT NULL
    ) STRICT;
    CREATE INDEX print_code ON print (image, code);   -- read alone, without the data
    -- Pictures that look the same, each pair in both orders.
    CREATE TABLE near (
        image INTEGER NOT NULL REFERENCES image ON DELETE CASCADE,
        other INTEGER NOT NULL REFERENCES image ON DELETE CASCADE,
        distance REAL NOT NULL,
        PRIMARY KEY (image, other)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX near_other ON near (other);
    CREATE TABLE sidecar (
        folder INTEGER NOT NULL REFERENCES folder ON DELETE CASCADE,
        name BLOB NOT NULL,
        dev INTEGER NOT NULL, inode INTEGER NOT NULL, size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL,
        PRIMARY KEY (folder, name)
    ) STRICT, WITHOUT ROWID;
    ALTER TABLE file ADD COLUMN sidecar TEXT;         -- the one that was read with it
    ALTER TABLE departed ADD COLUMN sidecar TEXT;
    -- What pictures say of themselves is found as their names are.
    ALTER TABLE words RENAME TO words_before;
    CREATE VIRTUAL TABLE words USING fts5 (           -- rowid is the file's id
        name, folder, said, tokenize = "unicode61 remove_diacritics 2"
    );
    INSERT INTO words (rowid, name, folder, said)
        SELECT rowid, name, folder, '' FROM words_before;
    DROP TABLE words_before;
    CREATE TABLE arrival (                            -- catalog/arrivals.py
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        image INTEGER NOT NULL REFERENCES image ON DELETE CASCADE,
        model INTEGER NOT NULL,                       -- 0: by its name
        UNIQUE (image, model)
    ) STRICT;
    INSERT INTO arrival (image, model) SELECT id, 0 FROM image;
    INSERT INTO arrival (image, model) SELECT image, model FROM vector;
    INSERT INTO setting VALUES ('catalog', lower(hex(randomblob(8))));
    -- What an earlier version saw is read once more, for what it says of itself.
    UPDATE image SET added = unixepoch();
    UPDATE file SET state = 'pending', version = version + 1, noticed = unixepoch()
        WHERE state = 'indexed' AND id IN
        (SELECT min(id) FROM file WHERE image IS NOT NULL GROUP BY image);
    """,
    """
    CREATE TABLE touched (                            -- catalog/touched.py
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        image INTEGER NOT NULL,
        model INTEGER NOT NULL,                       -- 0: whether it is live
        UNIQUE (image, model) ON CONFLICT REPLACE
    ) STRICT;
    CREATE TRIGGER image_live AFTER UPDATE OF live ON image WHEN OLD.live IS NOT NEW.live
        BEGIN INSERT INTO touched (image, model) VALUES (NEW.id, 0); END;
    CREATE TRIGGER vector_stored AFTER INSERT ON vector
        BEGIN INSERT INTO touched (image, model) VALUES (NEW.image, NEW.model); END;
    """,
    """
    CREATE TABLE told (                               -- catalog/told.py
        store TEXT NOT NULL,
        model INTEGER NOT NULL REFERENCES model,
        seq INTEGER NOT NULL,                         -- of `touched`
        filled INTEGER,                               -- an image's id; NULL: all of them
        PRIMARY KEY (store, model)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX touched_said ON touched (id) WHERE model = -1;
    -- What a row of a store says beside its vector: model -1, while there is anyone to tell.
    -- Deleted first: fired by an upsert, a trigger has no conflicts replaced.
    CREATE TRIGGER image_said AFTER UPDATE OF format, width, height, taken, taken_offset,
        taken_from, camera, lens, latitude, longitude, rating, title, description, software,
        screenshot, frames ON image WHEN EXISTS (SELECT 1 FROM told)
        BEGIN
            DELETE FROM touched WHERE image = NEW.id AND model = -1;
            INSERT INTO touched (image, model) VALUES (NEW.id, -1);
        END;
    CREATE TRIGGER file_came AFTER INSERT ON file
        WHEN NEW.image IS NOT NULL AND EXISTS (SELECT 1 FROM told)
        BEGIN
            DELETE FROM touched WHERE image = NEW.image AND model = -1;
            INSERT INTO touched (image, model) VALUES (NEW.image, -1);
        END;
    CREATE TRIGGER file_went AFTER DELETE ON file
        WHEN OLD.image IS NOT NULL AND EXISTS (SELECT 1 FROM told)
        BEGIN
            DELETE FROM touched WHERE image = OLD.image AND model = -1;
            INSERT INTO touched (image, model) VALUES (OLD.image, -1);
        END;
    CREATE TRIGGER file_changed AFTER UPDATE OF folder, name, size, mtime_ns, image ON file
        WHEN EXISTS (SELECT 1 FROM told)
        BEGIN
            DELETE FROM touched WHERE image IN (OLD.image, NEW.image) AND model = -1;
            INSERT INTO touched (image, model)
            SELECT OLD.image, -1 WHERE OLD.image IS NOT NULL UNION
            SELECT NEW.image, -1 WHERE NEW.image IS NOT NULL;
        END;
    CREATE TRIGGER near_found AFTER INSERT ON near WHEN EXISTS (SELECT 1 FROM told)
        BEGIN
            DELETE FROM touched WHERE image = NEW.image AND model = -1;
            INSERT INTO touched (image, model) VALUES (NEW.image, -1);
        END;
    CREATE TRIGGER near_live AFTER UPDATE OF live ON image
        WHEN OLD.live IS NOT NEW.live AND EXISTS (SELECT 1 FROM told)
        BEGIN
            DELETE FROM touched WHERE model = -1
                AND image IN (SELECT other FROM near WHERE near.image = NEW.id);
            INSERT INTO touched (image, model)
            SELECT other, -1 FROM near WHERE near.image = NEW.id;
        END;
    CREATE TRIGGER root_online AFTER UPDATE OF online ON root
        WHEN OLD.online IS NOT NEW.online AND EXISTS (SELECT 1 FROM told)
        BEGIN
            DELETE FROM touched WHERE model = -1 AND image IN (SELECT file.image FROM file
                JOIN folder ON folder.id = file.folder WHERE folder.root = NEW.id);
            INSERT INTO touched (image, model) SELECT DISTINCT file.image, -1 FROM file
            JOIN folder ON folder.id = file.folder
            WHERE folder.root = NEW.id AND file.image IS NOT NULL;
        END;
    CREATE TRIGGER folder_given AFTER UPDATE OF root ON folder
        WHEN EXISTS (SELECT 1 FROM told)
        BEGIN
            DELETE FROM touched WHERE model = -1
                AND image IN (SELECT file.image FROM file WHERE file.folder = NEW.id);
            INSERT INTO touched (image, model)
            SELECT DISTINCT image, -1 FROM file WHERE folder = NEW.id AND image IS NOT NULL;
        END;
    """,
)
