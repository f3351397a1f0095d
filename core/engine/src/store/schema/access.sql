-- The access log, as its authors wrote it: this room cannot read it. A view: what the changes say, and nothing else.
CREATE TABLE access_event(
  log INTEGER NOT NULL REFERENCES log,
  change INTEGER NOT NULL REFERENCES change,
  item INTEGER NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY(change, item)
) WITHOUT ROWID;
CREATE INDEX access_event_log ON access_event(log);
