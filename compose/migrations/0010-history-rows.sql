-- Which transaction wrote each row, as its xmin: a dump that is read into the same tables writes it
-- anew. Null: not known.
ALTER TABLE histories ADD COLUMN IF NOT EXISTS written_by text;
UPDATE histories SET written_by = (txid_current() % 4294967296)::text
WHERE generation = (SELECT max(generation) FROM histories) AND written_by IS NULL;
