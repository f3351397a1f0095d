-- Schema 1 of the relay's database. `user_version` holds the number; a newer one is refused.
--
-- The log is a plain rowid table with two small indexes: the bodies are appended at its end and never move. A table
-- clustered by (mailbox, seq) beside an index of random ids costs two to three times the processor time and the WAL.

CREATE TABLE relay (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    generation INTEGER NOT NULL,
    -- 1 in the copy that a backup makes: the first start on it draws a new generation.
    is_copy INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE mailbox (
    -- AUTOINCREMENT: a number is never used again, so grants and blobs of a forgotten mailbox reach no other.
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    head INTEGER NOT NULL DEFAULT 0,
    -- Seconds since 1970; the greatest integer when it is kept.
    expires_at INTEGER NOT NULL,
    -- 1 when the first thing stored keeps the mailbox for good.
    is_lasting INTEGER NOT NULL,
    -- Bytes kept: envelopes until they are purged, blobs as long as they were announced to be.
    bytes INTEGER NOT NULL DEFAULT 0,
    -- Envelopes ever stored, and blobs kept.
    objects INTEGER NOT NULL DEFAULT 0,
    -- When the envelope at the head was retired. It is marked in its own row once another one has the head.
    head_retired INTEGER,
    read_key BLOB NOT NULL,
    write_key BLOB NOT NULL,
    retire_key BLOB NOT NULL,
    -- 1 once it takes nothing more: read and retire key are then those it was closed to.
    is_closed INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX mailbox_by_end ON mailbox (expires_at) WHERE expires_at < 9223372036854775807;

CREATE TABLE log (
    number INTEGER PRIMARY KEY,
    mailbox INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    -- The first eight bytes of `envelope`: an index of them is a third of one of the whole.
    prefix INTEGER NOT NULL,
    envelope BLOB NOT NULL,
    -- Null when served; when it was retired; -1 once its bytes are gone.
    retired INTEGER,
    -- Last, so that the columns before it are read without walking its overflow pages.
    bytes BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX log_by_seq ON log (mailbox, seq) WHERE retired IS NULL;
CREATE INDEX log_by_envelope ON log (mailbox, prefix);
CREATE INDEX log_by_retired ON log (retired) WHERE retired >= 0;

-- What was announced, as the quota counts it; the files say how much of it has arrived.
CREATE TABLE blob (
    mailbox INTEGER NOT NULL,
    id BLOB NOT NULL,
    size INTEGER NOT NULL,
    retired INTEGER,
    PRIMARY KEY (mailbox, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX blob_by_retired ON blob (retired) WHERE retired >= 0;
