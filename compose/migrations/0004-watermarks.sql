-- outside a transaction
-- From where on the indexes of open payments are scanned. An old snapshot that somebody holds keeps
-- the entries of all that was open since, and each scan would go through them.

-- When it was claimed last; null: it never was.
ALTER TABLE payments ADD COLUMN IF NOT EXISTS claimed_at timestamptz;

-- Null: not known. No open payment of this lease has come to it before owned_from; and as its
-- instance has seen, no parked payment is due before parked_from.
ALTER TABLE leases ADD COLUMN IF NOT EXISTS owned_from timestamptz,
  ADD COLUMN IF NOT EXISTS parked_from timestamptz;
