-- Written by the lead: change log, outbox, quarantine, cursors, epochs. This is the part the views need.
CREATE TABLE meta(key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;
CREATE TABLE secret(slot TEXT PRIMARY KEY, sealed BLOB) WITHOUT ROWID;
CREATE TABLE author(author INTEGER PRIMARY KEY, device BLOB NOT NULL, incarnation BLOB NOT NULL, UNIQUE(device, incarnation));
CREATE TABLE log(log INTEGER PRIMARY KEY, record BLOB NOT NULL, compartment BLOB NOT NULL, name TEXT, UNIQUE(record, compartment));
CREATE TABLE change(
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
  UNIQUE(log, author, seq)
);
