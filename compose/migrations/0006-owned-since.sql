-- outside a transaction
-- Autovacuum by counts, so that a table of a billion rows does not wait for 5 % of them: payments
-- after what 500 a second make in two minutes, the others after some minutes of updates.
ALTER TABLE payments SET (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 60000,
  autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 60000,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 60000
);
ALTER TABLE settled_totals SET (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
  autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 20000,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000
);
ALTER TABLE leases SET (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 1000
);

-- The payments of an owner by when they came to it, in the place of the index that has the owner alone
-- and for the same statements of older code.
CREATE INDEX CONCURRENTLY IF NOT EXISTS payments_owned_since
  ON payments (owner, coalesce(claimed_at, accepted_at)) WHERE owner IS NOT NULL AND state = 0;
DROP INDEX CONCURRENTLY IF EXISTS payments_owned;
ALTER INDEX IF EXISTS payments_owned_since RENAME TO payments_owned;
