-- History apart from work: settled payments of days gone by, and what makes a repeat of one known.
-- Partitions are ranges of requested_at_ms. An instance makes and drops them; docs/DATABASE.md says
-- how a person does.

-- A partition for each day. A payment is found here by the instant that known_payments has of it.
CREATE TABLE IF NOT EXISTS archived_payments (
  requested_at_ms bigint NOT NULL,
  amount_cents bigint NOT NULL,
  accepted_at timestamptz NOT NULL,
  correlation_id uuid NOT NULL,
  processor smallint NOT NULL,
  attempts jsonb
) PARTITION BY RANGE (requested_at_ms);

CREATE INDEX IF NOT EXISTS archived_payments_instants ON archived_payments (requested_at_ms)
  INCLUDE (processor, amount_cents);

-- What is settled in a span, in the snapshot of the statement that asks. Each span is planned by
-- itself: a plan for any span would open, and lock, the partitions of all days.
CREATE OR REPLACE FUNCTION archived_sums(from_ms bigint, to_ms bigint)
RETURNS TABLE (processor smallint, payments bigint, cents numeric)
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN QUERY EXECUTE format(
    'SELECT processor, count(*), sum(amount_cents) FROM archived_payments
    WHERE requested_at_ms >= %s AND requested_at_ms < %s GROUP BY processor',
    from_ms, to_ms);
END $$;

-- A few wide partitions, each of which every accept asks for each of its ids.
CREATE TABLE IF NOT EXISTS known_payments (
  correlation_id uuid NOT NULL,
  requested_at_ms bigint NOT NULL,
  amount_cents bigint NOT NULL
) PARTITION BY RANGE (requested_at_ms);

CREATE INDEX IF NOT EXISTS known_payments_ids ON known_payments (correlation_id);

-- How far it has come, epoch ms.
CREATE TABLE IF NOT EXISTS archive_progress (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  -- Before it totals of seconds are joined, ten in one row. A multiple of ten minutes.
  joined_before_ms bigint NOT NULL DEFAULT 0,
  -- Archived payments from before it are dropped. A whole day.
  dropped_before_ms bigint NOT NULL DEFAULT 0
);
INSERT INTO archive_progress DEFAULT VALUES ON CONFLICT DO NOTHING;

-- The highest migration that the instance knows; null: it asks for no payment but those in payments.
ALTER TABLE leases ADD COLUMN IF NOT EXISTS code int;

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
LEFT JOIN leases l ON l.id = p.owner
UNION ALL
SELECT k.correlation_id, (a.amount_cents / 100.0)::numeric(20, 2), 'settled',
  CASE a.processor WHEN 1 THEN 'default' WHEN 2 THEN 'fallback' END,
  to_timestamp(a.requested_at_ms / 1000.0), a.accepted_at,
  NULL, NULL, NULL, NULL, NULL, NULL, NULL, a.attempts
FROM known_payments k
JOIN archived_payments a
  ON a.requested_at_ms = k.requested_at_ms AND a.correlation_id = k.correlation_id;
