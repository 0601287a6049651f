-- Which database and which table of payments each history has: a dump that is read into the same server
-- makes both anew. Null: not known.
ALTER TABLE histories ADD COLUMN IF NOT EXISTS tables text;
UPDATE histories SET tables = (
  SELECT d.oid || '/' || 'payments'::regclass::oid FROM pg_database d
  WHERE d.datname = current_database()
) WHERE generation = (SELECT max(generation) FROM histories) AND tables IS NULL;
