-- Every view. All of it can be emptied and computed again from `change` (rebuild.rs): nothing here is the only copy.
-- `record` is the number of the first log of a record, so that an index spans the record's compartments.

-- Words that many rows share.
CREATE TABLE term(term INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);

-- Where the items of one change come from.
CREATE TABLE origin(
  origin INTEGER PRIMARY KEY,
  change INTEGER NOT NULL REFERENCES change,
  position INTEGER NOT NULL,
  recorded_at INTEGER NOT NULL,
  name TEXT NOT NULL,
  format TEXT NOT NULL,
  UNIQUE(change, position)
);

-- One flat row per resource and compartment: the current version with people's corrections applied.
-- `origin` and `item` say where its text lies; `sort` orders by date as written (sort.rs), negative when undated;
-- `display_from` is the alias key of the resource that gives the name.
CREATE TABLE row(
  row INTEGER PRIMARY KEY,
  log INTEGER NOT NULL REFERENCES log,
  record INTEGER NOT NULL,
  id BLOB NOT NULL,
  origin INTEGER NOT NULL REFERENCES origin,
  item INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  category INTEGER NOT NULL,
  document_category INTEGER,
  system INTEGER,
  code INTEGER,
  display INTEGER,
  display_fr INTEGER,
  display_en INTEGER,
  display_from INTEGER,
  status INTEGER,
  unit INTEGER,
  comparator INTEGER,
  corrected INTEGER NOT NULL DEFAULT 0,
  notes INTEGER NOT NULL DEFAULT 0,
  sort INTEGER NOT NULL,
  "when" TEXT,
  value TEXT
);
-- `id` first: finds a resource by the beginning of its name in every record at once.
CREATE UNIQUE INDEX row_id ON row(id, log);
CREATE INDEX row_timeline ON row(record, sort);
CREATE INDEX row_kind ON row(record, kind, sort);
CREATE INDEX row_category ON row(record, category, sort);
CREATE INDEX row_code ON row(record, code, sort) WHERE code IS NOT NULL;

-- Every version of a resource at every place it was seen. Beside the row it belongs to, so that an import appends.
CREATE TABLE sighting(
  row INTEGER NOT NULL,
  origin INTEGER NOT NULL REFERENCES origin,
  item INTEGER NOT NULL,
  content BLOB NOT NULL,
  version TEXT,
  last_updated TEXT,
  PRIMARY KEY(row, origin, item)
) WITHOUT ROWID;

-- Names under which resources refer to each other, by hash. Grows only: a name an older version carried stays valid.
CREATE TABLE alias(key INTEGER NOT NULL, row INTEGER NOT NULL, PRIMARY KEY(key, row)) WITHOUT ROWID;

-- Full text over rows, their notes and corrections. Contentless: the words lie in the index only. The words come folded
-- from `record`, so the tokenizer has one thing to do: split at spaces. `unicode61` would fold a second time, by older
-- tables, and split a decimal (`5.4`) in two.
CREATE VIRTUAL TABLE search USING fts5(
  words, content='', contentless_delete=1, detail=none, tokenize="ascii tokenchars '.-'"
);
CREATE VIRTUAL TABLE word USING fts5vocab(search, instance);

-- Documents of the patient layer. A shard is one compartment's: the same id in another is another document. With a `base`
-- it holds edits whose changes a snapshot replaced: then it is the only copy of them, and no rebuild empties it.
CREATE TABLE shard(
  log INTEGER NOT NULL REFERENCES log,
  shard BLOB NOT NULL,
  category TEXT NOT NULL,
  year INTEGER NOT NULL,
  saved BLOB NOT NULL,
  heads BLOB NOT NULL,
  waiting INTEGER NOT NULL,
  full INTEGER NOT NULL,
  base INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY(log, shard)
);
CREATE INDEX shard_place ON shard(log, category, year);

-- What people wrote, one line per surviving value. `kind` 1 note, 2 correction, 3 profile; `name` is unique in its shard:
-- the note's id, or the operation that wrote the value.
CREATE TABLE entry(
  log INTEGER NOT NULL REFERENCES log,
  shard BLOB NOT NULL,
  name BLOB NOT NULL,
  kind INTEGER NOT NULL,
  record INTEGER NOT NULL,
  resource BLOB,
  field TEXT,
  text TEXT NOT NULL,
  actor BLOB NOT NULL,
  counter INTEGER NOT NULL,
  recorded_at INTEGER NOT NULL,
  PRIMARY KEY(log, shard, name)
) WITHOUT ROWID;
CREATE INDEX entry_resource ON entry(resource, record);
CREATE INDEX entry_field ON entry(kind, record, resource, field);

-- Documents: what opens the sealed file named by `blob`.
CREATE TABLE attachment(
  log INTEGER NOT NULL REFERENCES log,
  id BLOB NOT NULL,
  blob BLOB NOT NULL,
  origin INTEGER NOT NULL REFERENCES origin,
  item INTEGER NOT NULL,
  key BLOB NOT NULL,
  size INTEGER NOT NULL,
  sealed_size INTEGER NOT NULL,
  media_type TEXT NOT NULL,
  PRIMARY KEY(log, id, blob, origin, item)
) WITHOUT ROWID;
CREATE INDEX attachment_blob ON attachment(blob);
