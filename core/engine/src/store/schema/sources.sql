-- Where this device pulls from, and what it has seen there. Of this device only: connections are not synced (`pull` says why),
-- so nothing here is a view. What opens a source lies in `secret`, sealed once more.

-- `settings` and `state` are what the vault and the connector wrote of themselves; `run` counts whole readings.
CREATE TABLE source (
    source INTEGER PRIMARY KEY,
    log INTEGER NOT NULL REFERENCES log,
    name TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    settings TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT '',
    run INTEGER NOT NULL DEFAULT 0,
    pulled_at INTEGER
);

-- The source's own names of what came, in which whole reading last, and whether it said since that it is gone.
CREATE TABLE source_item (
    source INTEGER NOT NULL REFERENCES source,
    native TEXT NOT NULL,
    kind TEXT NOT NULL,
    run INTEGER NOT NULL,
    gone INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (source, native)
) WITHOUT ROWID;
CREATE INDEX source_item_kind ON source_item(source, kind, run);
