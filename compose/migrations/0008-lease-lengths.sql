-- For how long each owner takes its lease for held: instances may be set to other lengths, and none is
-- taken over from before its own has passed. Null: an older Pit, which does not say.
ALTER TABLE leases ADD COLUMN IF NOT EXISTS ttl_ms int;
