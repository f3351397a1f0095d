-- What left a compartment for another one, or came back: `id` of a resource or of a document's bytes. The last word counts, in the
-- order of changes. A view like the others.
CREATE TABLE presence(
  log INTEGER NOT NULL REFERENCES log,
  id BLOB NOT NULL,
  change INTEGER NOT NULL REFERENCES change,
  item INTEGER NOT NULL,
  here INTEGER NOT NULL,
  PRIMARY KEY(log, id, change, item)
) WITHOUT ROWID;
CREATE INDEX presence_change ON presence(change);
CREATE INDEX presence_id ON presence(id);

-- The versions of what left, by the compartment they were written to: shown from nowhere. Whoever has the compartment an item went
-- to carries after it what came too late.
CREATE TABLE departed(
  log INTEGER NOT NULL REFERENCES log,
  id BLOB NOT NULL,
  origin INTEGER NOT NULL REFERENCES origin,
  item INTEGER NOT NULL,
  content BLOB NOT NULL,
  PRIMARY KEY(log, id, origin, item)
) WITHOUT ROWID;
CREATE INDEX departed_origin ON departed(origin);
