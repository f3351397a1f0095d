-- Schema 1 of the relay's database. `user_version` holds the number; a newer one is refused.
--
-- The log is a plain rowid table with two small indexes: the bodies are appended at its end and never move. A table
-- clustered by (mailbox, seq) beside an index of random ids costs two to three times the processor time and the WAL.

CREATE TABLE relay (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    generation INTEGER NOT NULL
) STRICT;

CREATE TABLE mailbox (
    -- AUTOINCREMENT: a number is never used again, so grants and blobs of a forgotten mailbox reach no other.
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    head INTEGER NOT NULL DEFAULT 0,
    -- Seconds since 1970; the greatest integer when it is kept.
    expires_at INTEGER NOT NULL,
    read_key BLOB NOT NULL,
    write_key BLOB NOT NULL,
    retire_key BLOB NOT NULL
) STRICT;

CREATE INDEX mailbox_by_end ON mailbox (expires_at) WHERE expires_at < 9223372036854775807;

CREATE TABLE log (
    number INTEGER PRIMARY KEY,
    mailbox INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    envelope BLOB NOT NULL,
    -- Last, so that the columns before it are read without walking its overflow pages.
    bytes BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX log_by_seq ON log (mailbox, seq);
CREATE UNIQUE INDEX log_by_envelope ON log (mailbox, envelope);

-- Part of the statement that inserts: number and head move together or not at all.
CREATE TRIGGER log_moves_head AFTER INSERT ON log BEGIN
    UPDATE mailbox SET head = new.seq WHERE number = new.mailbox;
END;
