-- What operators have ordered, each with who, when and why, and with what it met. Nothing is ever
-- deleted here, by a purge neither.
CREATE TABLE IF NOT EXISTS commands (
  -- In the order of their commits.
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT now(),
  -- The name of a key, or loopback.
  by text NOT NULL,
  -- console or cli.
  via text NOT NULL,
  kind text NOT NULL,
  payload jsonb NOT NULL,
  reason text NOT NULL,
  -- Null: it stands until another one ends it, or was for once.
  until timestamptz,
  -- Ids of the instances that have to say what it met.
  awaited jsonb NOT NULL,
  -- What it met, by the id of the instance.
  result jsonb NOT NULL DEFAULT '{}',
  done_at timestamptz
);
