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

-- The version vector: how far each author's chain has been merged. After a snapshot jumped a chain forward, `whole` stays
-- behind until its pieces are here. Up to `covered` changes that a snapshot holds may be missing below.
CREATE TABLE chain (
    log INTEGER NOT NULL REFERENCES log,
    author INTEGER NOT NULL REFERENCES author,
    seq INTEGER NOT NULL,
    tip BLOB NOT NULL,
    whole INTEGER NOT NULL,
    covered INTEGER NOT NULL DEFAULT 0,
    covered_tip BLOB,
    PRIMARY KEY (log, author)
) WITHOUT ROWID;

-- Every change that was merged, as its author signed it: views can be rebuilt from here and from documents with a base.
-- `class`: 0 not looked at, 1 kept for ever, 2 spent: nothing but edits that the shard documents hold. `piece` is the one of
-- a snapshot that holds it whole. `extract`: the body is what a snapshot brought first; the whole is on its way.
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
    class INTEGER NOT NULL DEFAULT 0,
    piece BLOB,
    extract INTEGER NOT NULL DEFAULT 0,
    UNIQUE (log, author, seq)
);
CREATE INDEX change_unclassified ON change(log, lamport) WHERE class = 0 AND kind = 1 AND extract = 0;

-- Manifests: of this device on the way (`id` null until it is in the chain), and merged ones. `acknowledged`: another device
-- has it too, or thirty days have passed since `noticed`. `unfinished`: its making was stopped, and goes on with its pieces.
CREATE TABLE snapshot (
    snapshot INTEGER PRIMARY KEY,
    log INTEGER NOT NULL REFERENCES log,
    author INTEGER NOT NULL REFERENCES author,
    seq INTEGER,
    id BLOB UNIQUE,
    lamport INTEGER NOT NULL,
    noticed INTEGER NOT NULL,
    acknowledged INTEGER NOT NULL DEFAULT 0,
    compacted INTEGER NOT NULL DEFAULT 0,
    unfinished INTEGER NOT NULL DEFAULT 0,
    manifest BLOB NOT NULL
);

-- Pieces of snapshots this device knows. `wanted`: to be fetched from a relay. `retired`: a bit per relay.
CREATE TABLE piece (
    blob BLOB PRIMARY KEY,
    log INTEGER NOT NULL REFERENCES log,
    mailbox BLOB NOT NULL,
    snapshot INTEGER NOT NULL,
    wanted INTEGER NOT NULL DEFAULT 0,
    retired INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX piece_wanted ON piece(log) WHERE wanted = 1;

-- Which envelopes carried a change: what an owner's device names when a snapshot covers it. `retired`: a bit per relay.
CREATE TABLE placed (
    envelope BLOB PRIMARY KEY,
    log INTEGER NOT NULL REFERENCES log,
    author INTEGER NOT NULL REFERENCES author,
    seq INTEGER NOT NULL,
    mailbox BLOB NOT NULL,
    retired INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX placed_place ON placed(log, author, seq);

CREATE TABLE epoch (
    epoch BLOB PRIMARY KEY,
    log INTEGER NOT NULL REFERENCES log,
    mailbox BLOB NOT NULL UNIQUE,
    parents BLOB NOT NULL,
    secrets BLOB NOT NULL
) WITHOUT ROWID;

-- Envelopes of this device in the order they were sealed, kept until an acknowledged snapshot covers them.
CREATE TABLE outbox (
    -- Never used twice: relays acknowledge by it, and compaction deletes rows.
    outbox INTEGER PRIMARY KEY AUTOINCREMENT,
    change INTEGER NOT NULL REFERENCES change,
    mailbox BLOB NOT NULL,
    envelope BLOB NOT NULL UNIQUE,
    bytes BLOB NOT NULL
);

CREATE INDEX outbox_change ON outbox(change);

CREATE TABLE relay (
    relay INTEGER PRIMARY KEY,
    url TEXT NOT NULL UNIQUE,
    generation INTEGER,
    -- The last row of the outbox that this relay has acknowledged; all before it are acknowledged too.
    acknowledged INTEGER NOT NULL DEFAULT 0,
    token BLOB,
    -- Which mailboxes the token opens: a hash of their sorted ids.
    covers BLOB,
    -- When it was last asked which pieces of snapshots it holds.
    pieces_asked INTEGER NOT NULL DEFAULT 0
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

-- Mailboxes a relay was told to close, and to which epoch's keys.
CREATE TABLE closed (
    relay INTEGER NOT NULL REFERENCES relay,
    mailbox BLOB NOT NULL,
    heir BLOB NOT NULL,
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
