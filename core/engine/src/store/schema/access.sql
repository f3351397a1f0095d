-- The access log, as its authors wrote it: this room cannot read it. A view: what the changes say, and nothing else. `author` and
-- `seq` are the change's: each new event asks for the last one of every author.
CREATE TABLE access_event(
  log INTEGER NOT NULL REFERENCES log,
  change INTEGER NOT NULL REFERENCES change,
  item INTEGER NOT NULL,
  author INTEGER NOT NULL REFERENCES author,
  seq INTEGER NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY(change, item)
) WITHOUT ROWID;
CREATE INDEX access_event_last ON access_event(log, author, seq);
