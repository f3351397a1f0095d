-- What sync needs: who wrote what, sealed under which epoch, sent where, received from where.
-- A compartment's log is named by a small integer everywhere else: it stands for (record, compartment).

CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

-- Private keys, sealed once more under a key derived from the database key.
CREATE TABLE secret (slot TEXT PRIMARY KEY, sealed BLOB NOT NULL) WITHOUT ROWID;

CREATE TABLE author (
    author INTEGER PRIMARY KEY,
    device BLOB NOT NULL,
    incarnation BLOB NOT NULL,
    UNIQUE (device, incarnation)
);

CREATE TABLE log (
    log INTEGER PRIMARY KEY,
    record BLOB NOT NULL,
    compartment BLOB NOT NULL,
    name TEXT NOT NULL,
    lamport INTEGER NOT NULL DEFAULT 0,
    UNIQUE (record, compartment)
);

-- The version vector: how far each author's chain has been merged.
CREATE TABLE chain (
    log INTEGER NOT NULL REFERENCES log,
    author INTEGER NOT NULL REFERENCES author,
    seq INTEGER NOT NULL,
    tip BLOB NOT NULL,
    PRIMARY KEY (log, author)
) WITHOUT ROWID;

-- Every change that was merged, as its author signed it: all views can be rebuilt from here.
CREATE TABLE change (
    change INTEGER PRIMARY KEY,
    log INTEGER NOT NULL REFERENCES log,
    author INTEGER NOT NULL REFERENCES author,
    seq INTEGER NOT NULL,
    id BLOB NOT NULL UNIQUE,
    lamport INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    header BLOB NOT NULL,
    signature BLOB NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (log, author, seq)
);

CREATE TABLE epoch (
    epoch BLOB PRIMARY KEY,
    log INTEGER NOT NULL REFERENCES log,
    mailbox BLOB NOT NULL UNIQUE,
    parents BLOB NOT NULL,
    secrets BLOB NOT NULL
) WITHOUT ROWID;

-- Envelopes of this device in the order they were sealed, kept until an acknowledged snapshot covers them.
CREATE TABLE outbox (
    outbox INTEGER PRIMARY KEY,
    change INTEGER NOT NULL REFERENCES change,
    mailbox BLOB NOT NULL,
    envelope BLOB NOT NULL UNIQUE,
    bytes BLOB NOT NULL
);

CREATE TABLE relay (
    relay INTEGER PRIMARY KEY,
    url TEXT NOT NULL UNIQUE,
    generation INTEGER,
    -- The last row of the outbox that this relay has acknowledged; all before it are acknowledged too.
    acknowledged INTEGER NOT NULL DEFAULT 0,
    token BLOB,
    -- Which mailboxes the token opens: a hash of their sorted ids.
    covers BLOB
);

CREATE TABLE cursor (
    relay INTEGER NOT NULL REFERENCES relay,
    mailbox BLOB NOT NULL,
    after INTEGER NOT NULL DEFAULT 0,
    -- The highest number of which it is known what stands there, read or acknowledged, and that envelope.
    landmark INTEGER NOT NULL DEFAULT 0,
    envelope BLOB,
    PRIMARY KEY (relay, mailbox)
) WITHOUT ROWID;

-- Attachments whose bytes are known to be both here and at a relay.
CREATE TABLE delivered (
    relay INTEGER NOT NULL REFERENCES relay,
    blob BLOB NOT NULL,
    PRIMARY KEY (relay, blob)
) WITHOUT ROWID;

-- Attachments on their way: how much of an upload the platform's transfer service has sent, how often a download was in
-- vain or brought something else.
CREATE TABLE transfer (
    relay INTEGER NOT NULL REFERENCES relay,
    blob BLOB NOT NULL,
    sent INTEGER NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0,
    refusals INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (relay, blob)
) WITHOUT ROWID;

-- Envelopes as they came, stored in the background and not yet looked at: the next foreground work merges them.
CREATE TABLE inbox (
    inbox INTEGER PRIMARY KEY,
    relay INTEGER NOT NULL REFERENCES relay,
    mailbox BLOB NOT NULL,
    envelope BLOB NOT NULL,
    bytes BLOB NOT NULL,
    UNIQUE (mailbox, envelope)
);

-- Envelopes that could not be merged yet: never skipped, retried when keys, rosters or chains advance.
-- Whose change at which place it is, where it could be opened: what is held has come and is not missing.
CREATE TABLE quarantine (
    envelope BLOB PRIMARY KEY,
    mailbox BLOB NOT NULL,
    reason INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    log INTEGER REFERENCES log,
    device BLOB,
    incarnation BLOB,
    seq INTEGER
);

-- How many bytes are in quarantine: counted as they come and go, or every envelope a relay invents would cost a look at all
-- before it.
CREATE TABLE quarantine_size (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    bytes INTEGER NOT NULL
);
INSERT INTO quarantine_size VALUES (1, 0);
CREATE TRIGGER quarantine_grows AFTER INSERT ON quarantine BEGIN
    UPDATE quarantine_size SET bytes = bytes + length(new.bytes);
END;
CREATE TRIGGER quarantine_shrinks AFTER DELETE ON quarantine BEGIN
    UPDATE quarantine_size SET bytes = bytes - length(old.bytes);
END;
