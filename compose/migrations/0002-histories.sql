-- Servers that this ledger was on, each from when Pit first saw it: another system identifier or
-- timeline, or a log that is shorter than before, means that commits may have been lost.
CREATE TABLE IF NOT EXISTS histories (
  generation bigint PRIMARY KEY,
  -- Null: the server does not tell.
  system_identifier text,
  timeline int,
  -- Bytes of its log that were on disk.
  position bigint,
  first_seen timestamptz NOT NULL DEFAULT now()
);
