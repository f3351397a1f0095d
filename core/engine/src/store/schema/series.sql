-- Views of series: metric, unit and source of each, where its segments lie, and what each day comes to. Nothing here is the
-- only copy: the samples lie in the changes.

CREATE TABLE series(
  series INTEGER PRIMARY KEY,
  log INTEGER NOT NULL REFERENCES log,
  record INTEGER NOT NULL,
  metric TEXT NOT NULL,
  source TEXT NOT NULL,
  unit TEXT NOT NULL,
  name TEXT NOT NULL,
  kind INTEGER NOT NULL,
  UNIQUE(log, metric, source, unit)
);
CREATE INDEX series_metric ON series(record, metric);

-- A segment lies within one UTC day (`level` 0, `place` the day) or within one UTC month (1, the month), both counted from 1970: whoever
-- wants a day looks at two places. `known`: some samples have ids of their source.
CREATE TABLE segment(
  segment INTEGER PRIMARY KEY,
  series INTEGER NOT NULL REFERENCES series,
  level INTEGER NOT NULL,
  place INTEGER NOT NULL,
  count INTEGER NOT NULL,
  known INTEGER NOT NULL,
  change INTEGER NOT NULL REFERENCES change,
  item INTEGER NOT NULL,
  UNIQUE(change, item)
);
CREATE INDEX segment_place ON segment(series, level, place);

-- What the living samples of a UTC day come to (record/series/rollup.rs). No line where none is left.
CREATE TABLE rollup(
  series INTEGER NOT NULL REFERENCES series,
  day INTEGER NOT NULL,
  count INTEGER NOT NULL,
  digest BLOB NOT NULL,
  buckets BLOB NOT NULL,
  PRIMARY KEY(series, day)
) WITHOUT ROWID;

-- Samples that a source or a person deleted, by id: they stay deleted.
CREATE TABLE gone(
  log INTEGER NOT NULL REFERENCES log,
  id BLOB NOT NULL,
  change INTEGER NOT NULL REFERENCES change,
  PRIMARY KEY(log, id, change)
) WITHOUT ROWID;
CREATE INDEX gone_change ON gone(change);

-- In which order sources of a metric are believed, as somebody said it: the latest counts.
CREATE TABLE source_order(
  log INTEGER NOT NULL REFERENCES log,
  metric TEXT NOT NULL,
  change INTEGER NOT NULL REFERENCES change,
  item INTEGER NOT NULL,
  sources TEXT NOT NULL,
  PRIMARY KEY(log, metric, change, item)
) WITHOUT ROWID;
CREATE INDEX source_order_change ON source_order(change);

-- What feeds series on this device: never synced, never rebuilt. `token` is the platform's, opaque; `reached` is how far it has read.
CREATE TABLE feed(
  feed INTEGER PRIMARY KEY,
  log INTEGER NOT NULL REFERENCES log,
  name TEXT NOT NULL,
  token BLOB,
  reached INTEGER,
  at INTEGER NOT NULL,
  UNIQUE(log, name)
);

-- How far a long file of samples was read before something stopped the import: never synced, never rebuilt. `file` is a hash of its
-- beginning and length, `memory` what its reader remembers.
CREATE TABLE reading(
  log INTEGER NOT NULL REFERENCES log,
  file BLOB NOT NULL,
  place INTEGER NOT NULL,
  memory BLOB NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY(log, file)
);

-- Windows that could not be read yet, and why: nothing is forgotten until a read covers it.
CREATE TABLE unread(
  feed INTEGER NOT NULL REFERENCES feed,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  reason INTEGER NOT NULL,
  since INTEGER NOT NULL,
  PRIMARY KEY(feed, first)
) WITHOUT ROWID;
