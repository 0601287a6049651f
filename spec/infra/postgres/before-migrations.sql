-- Pit's tables. Idempotent; Pit applies it at start, in one transaction under an advisory lock.
-- Instants that processors know are epoch milliseconds (bigint), instants that only PostgreSQL
-- knows are timestamptz by its own clock. Money is integer cents.

CREATE TABLE IF NOT EXISTS payments (
  correlation_id uuid PRIMARY KEY,
  amount_cents bigint NOT NULL CHECK (amount_cents > 0),
  accepted_at timestamptz NOT NULL DEFAULT now(),
  -- When a parked payment is due again; null while it has an owner and once it is final.
  due_at timestamptz,
  -- Instant inside the request that was processed; set once settled.
  requested_at_ms bigint,
  -- Settle-by deadline of an earlier request to that processor; null: its outcome is not unknown.
  default_doubt_until_ms bigint,
  fallback_doubt_until_ms bigint,
  -- Instant inside the request whose outcome is unknown; null when a dead instance sent it.
  default_doubt_requested_at_ms bigint,
  fallback_doubt_requested_at_ms bigint,
  -- Id of the lease that owns it; null while parked. Kept once final: who wrote the end.
  owner int,
  -- Fencing token: how often it was claimed; part of each write of its owner.
  claim int NOT NULL DEFAULT 0,
  -- Rounds of quick tries that ended refused.
  rounds int NOT NULL DEFAULT 0,
  -- 0 open, 1 settled, 2 rejected.
  state smallint NOT NULL DEFAULT 0 CHECK (state BETWEEN 0 AND 2),
  -- 1 default, 2 fallback; set once settled.
  processor smallint CHECK (processor IN (1, 2)),
  attempts jsonb,
  -- When it was parked last: the instant that its settle-by deadlines were reckoned from.
  parked_at timestamptz,
  CHECK ((state = 1) = (processor IS NOT NULL AND requested_at_ms IS NOT NULL)),
  CHECK ((state = 0 AND owner IS NULL) = (due_at IS NOT NULL))
) WITH (
  -- Each payment is rewritten once or twice, longer than it was inserted: free space on its page
  -- lets PostgreSQL prune the old version without waiting for vacuum.
  fillfactor = 60,
  autovacuum_vacuum_scale_factor = 0.05,
  autovacuum_vacuum_insert_scale_factor = 0.05,
  autovacuum_analyze_scale_factor = 0.05
);

ALTER TABLE payments ADD COLUMN IF NOT EXISTS parked_at timestamptz;

CREATE INDEX IF NOT EXISTS payments_parked ON payments (due_at)
  WHERE owner IS NULL AND state = 0;
CREATE INDEX IF NOT EXISTS payments_owned ON payments (owner)
  WHERE owner IS NOT NULL AND state = 0;
CREATE INDEX IF NOT EXISTS payments_settled ON payments (requested_at_ms)
  INCLUDE (processor, amount_cents) WHERE state = 1;
CREATE INDEX IF NOT EXISTS payments_rejected ON payments (accepted_at)
  WHERE state = 2;

-- Running totals of the settled payments, written by the very statement that settles them.
CREATE TABLE IF NOT EXISTS settled_totals (
  -- Start of the bucket by requested_at_ms.
  bucket_ms bigint NOT NULL,
  payments bigint NOT NULL,
  cents bigint NOT NULL,
  -- Width of the bucket: 0 second, 1 minute, 2 hour, 3 day.
  level smallint NOT NULL,
  processor smallint NOT NULL,
  -- Lease id modulo 16: instances that flush at once do not wait for one another's row locks.
  shard smallint NOT NULL,
  PRIMARY KEY (level, bucket_ms, processor, shard)
) WITH (
  -- Only unindexed columns change, so with free space on the page no update touches an index.
  fillfactor = 50,
  autovacuum_vacuum_scale_factor = 0.05
);

-- An instance's right to own payments. Revoked for ever once another instance sweeps it.
CREATE TABLE IF NOT EXISTS leases (
  id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  instance_id text NOT NULL,
  -- For people to read. Whether its owner lives is told by its renewals, not by any clock.
  expires_at timestamptz NOT NULL,
  revoked boolean NOT NULL DEFAULT false
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.1);

-- How often everything was purged: instances drop what they hold in memory when it changes.
CREATE TABLE IF NOT EXISTS purges (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  count bigint NOT NULL DEFAULT 0
);
INSERT INTO purges DEFAULT VALUES ON CONFLICT DO NOTHING;

-- For operators: words, decimals and timestamps.
CREATE OR REPLACE VIEW payments_readable AS
SELECT
  p.correlation_id,
  (p.amount_cents / 100.0)::numeric(20, 2) AS amount,
  CASE
    WHEN p.state = 1 THEN 'settled'
    WHEN p.state = 2 THEN 'rejected'
    WHEN p.owner IS NULL THEN 'parked'
    ELSE 'owned'
  END AS state,
  CASE p.processor WHEN 1 THEN 'default' WHEN 2 THEN 'fallback' END AS processor,
  to_timestamp(p.requested_at_ms / 1000.0) AS requested_at,
  p.accepted_at,
  p.due_at,
  to_timestamp(p.default_doubt_until_ms / 1000.0) AS in_doubt_at_default_until,
  to_timestamp(p.fallback_doubt_until_ms / 1000.0) AS in_doubt_at_fallback_until,
  p.owner AS lease_id,
  l.instance_id,
  p.claim,
  p.rounds,
  p.attempts
FROM payments p
LEFT JOIN leases l ON l.id = p.owner;
