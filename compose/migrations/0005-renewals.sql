-- How often each process renewed its leases. A ledger that has fewer than are known to be committed
-- is an older copy of itself, however much was written to it since.
CREATE TABLE IF NOT EXISTS renewals (
  -- Drawn when a process starts.
  run uuid PRIMARY KEY,
  count bigint NOT NULL,
  renewed_at timestamptz NOT NULL DEFAULT now()
) WITH (
  fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 1000
);
