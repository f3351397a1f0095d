-- Whether this device gets everything: what each relay was seen to hold, what others say exists, what was found wrong.

-- Changes a relay was seen to hold, by mailbox: runs of an author's numbers that neither touch nor overlap.
CREATE TABLE listed (
    relay INTEGER NOT NULL REFERENCES relay,
    mailbox BLOB NOT NULL,
    author INTEGER NOT NULL REFERENCES author,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    PRIMARY KEY (relay, mailbox, author, first)
) WITHOUT ROWID;

-- The suspicion for which a mailbox was read again from its start, when last and how often: the same one costs ever
-- rarer readings.
CREATE TABLE audited (
    relay INTEGER NOT NULL REFERENCES relay,
    mailbox BLOB NOT NULL,
    suspicion BLOB NOT NULL,
    at INTEGER NOT NULL,
    times INTEGER NOT NULL,
    PRIMARY KEY (relay, mailbox)
) WITHOUT ROWID;

-- How far this device sent an author's changes again because somebody lacks them though the relay lists them.
CREATE TABLE resent (
    relay INTEGER NOT NULL REFERENCES relay,
    log INTEGER NOT NULL REFERENCES log,
    author INTEGER NOT NULL REFERENCES author,
    last INTEGER NOT NULL,
    PRIMARY KEY (relay, log, author)
) WITHOUT ROWID;

-- What the device that brought this one in had seen: a relay must not give less. Rows go when they are reached.
CREATE TABLE floor (
    record BLOB NOT NULL,
    compartment BLOB NOT NULL,
    device BLOB NOT NULL,
    incarnation BLOB NOT NULL,
    seq INTEGER NOT NULL,
    witness BLOB NOT NULL,
    PRIMARY KEY (record, compartment, device, incarnation)
) WITHOUT ROWID;

-- When this device last got a change of an author, by its own clock: shown, decides nothing.
CREATE TABLE heard (
    log INTEGER NOT NULL REFERENCES log,
    author INTEGER NOT NULL REFERENCES author,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (log, author)
) WITHOUT ROWID;

-- The proof of a fork, one for a chain: two signed headers that cannot both be honest. The chain goes no further.
CREATE TABLE fork (
    log INTEGER NOT NULL REFERENCES log,
    author INTEGER NOT NULL REFERENCES author,
    seq INTEGER NOT NULL,
    one_header BLOB NOT NULL,
    one_signature BLOB NOT NULL,
    other_header BLOB NOT NULL,
    other_signature BLOB NOT NULL,
    PRIMARY KEY (log, author)
) WITHOUT ROWID;

-- What was found wrong, since when, and when it was healed. `subject` tells findings of one kind apart.
CREATE TABLE finding (
    finding INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    subject BLOB NOT NULL,
    log INTEGER REFERENCES log,
    device BLOB,
    witness BLOB,
    relay TEXT,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    missing INTEGER NOT NULL,
    since INTEGER NOT NULL,
    healed INTEGER
);
CREATE UNIQUE INDEX finding_open ON finding(kind, subject) WHERE healed IS NULL;
