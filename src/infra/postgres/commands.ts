// What operators have ordered: rows that are only added, and answered by the instances.

import assert from 'node:assert'
import type { ProcessorName } from '../../actors/model/payment.ts'
import { NoSuchInstance } from '../../actors/model/errors.ts'
import { ITSELF, SILENT_MAX_MS } from '../../actors/model/operator.ts'
import type { CommandLedger, CommandRow, Hold, Order } from '../../actors/model/operator.ts'
import type { PostgresPool } from './pool.ts'
import { RESOLVE } from './resolving.ts'
import { BOOLEAN, FLOAT, INTEGER, nullable, TEXT, TEXTS } from './rows.ts'
import type { Column, Query, RowOf } from './rows.ts'
import { epochMs } from './sql.ts'

export function createCommands(pool: PostgresPool): CommandLedger {
  return {
    async giveCommand({ order, by, via, reason }) {
      const { kind, ...payload } = order
      const values = [by, via, kind, JSON.stringify(payload), reason, forMsOf(order)]
      const awaited = order.kind === 'drain' ? order.instanceId : null
      const [given] = await pool.run(GIVE, [...values, awaited])
      if (given !== undefined) return commandOf(given)
      assert(awaited !== null, 'an order to all instances is always taken')
      throw new NoSuchInstance(awaited, (await pool.runForRow(READ_LIVING, [])).ids)
    },
    async readOrders({ instanceId, after }) {
      // What comes in between is read again: its id is higher than this one.
      const rows = await pool.run(READ_HOLDS, [])
      const pending = await pool.run(READ_PENDING, [after, instanceId])
      return { last: rows[0]?.last ?? 0, holds: rows.flatMap(holdOf), pending }
    },
    async noteMet({ id, instanceId, met }) {
      await pool.run(NOTE_MET, [id, instanceId, JSON.stringify(met)])
    },
    async resolvePayment({ id, instanceId, isBusy }) {
      await pool.run(RESOLVE, [id, instanceId, isBusy])
    },
    async listCommands({ limit, before = null }) {
      return (await pool.run(LIST, [limit, before])).map(commandOf)
    },
  }
}

function forMsOf(order: Order): number | null {
  return order.kind === 'hold' ? order.forMs : null
}

const OBJECT: Column<Readonly<Record<string, unknown>>> = {
  takes: 'an object',
  fits: (value): value is Readonly<Record<string, unknown>> =>
    typeof value === 'object' && value !== null && !Array.isArray(value),
}

const PROCESSOR_NAME: Column<ProcessorName> = {
  takes: 'the name of a processor',
  fits: (value) => value === 'default' || value === 'fallback',
}

const COMMAND = {
  id: INTEGER,
  at_ms: FLOAT,
  by: TEXT,
  via: TEXT,
  kind: TEXT,
  payload: OBJECT,
  reason: TEXT,
  until_ms: nullable(FLOAT),
  awaited: TEXTS,
  result: OBJECT,
  done_ms: nullable(FLOAT),
  isInterrupted: BOOLEAN,
}

const COMMAND_COLUMNS = `id, ${epochMs('at')} AS at_ms, by, via, kind, payload, reason,
    ${epochMs('until')} AS until_ms, awaited, result, ${epochMs('done_at')} AS done_ms,
    done_at IS NULL AND awaited ? '${ITSELF}' AND ${epochMs('now()')} - ${SILENT_MAX_MS} >
      coalesce((result->'${ITSELF}'->>'at')::float8, ${epochMs('at')}) AS "isInterrupted"`

function commandOf(row: RowOf<typeof COMMAND>): CommandRow {
  const { at_ms: at, until_ms: until, done_ms: doneAt, ...same } = row
  return { ...same, at, until, doneAt }
}

/** Instances that hold a lease. */
const LIVING = `SELECT coalesce(jsonb_agg(DISTINCT instance_id), '[]') AS ids
    FROM leases WHERE NOT revoked`

const READ_LIVING = {
  name: 'readLiving',
  effect: 'reads',
  columns: { ids: TEXTS },
  text: LIVING,
} satisfies Query

// One at a time: an id that is given out is committed before a higher one, so that whoever has seen
// the highest has seen all.
const GIVE = {
  name: 'giveCommand',
  effect: 'writes',
  columns: COMMAND,
  text: `
  WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock(hashtext('pit commands'))),
  living AS (${LIVING})
  INSERT INTO commands (by, via, kind, payload, reason, until, awaited)
  SELECT $1, $2, $3, $4::jsonb, $5, now() + $6::float8 * interval '1 ms',
    CASE WHEN $7::text IS NULL THEN living.ids ELSE jsonb_build_array($7::text) END
  FROM turn CROSS JOIN living
  WHERE $7::text IS NULL OR living.ids ? $7::text OR living.ids = '[]'
  RETURNING ${COMMAND_COLUMNS}`,
} satisfies Query

/** The id of the last command: one entry of an index. */
export const LAST_COMMAND = 'coalesce((SELECT max(id) FROM commands), 0)'

// By the last command about each processor.
const READ_HOLDS = {
  name: 'readHolds',
  effect: 'reads',
  columns: {
    last: INTEGER,
    processor: nullable(PROCESSOR_NAME),
    command: nullable(INTEGER),
    kind: nullable(TEXT),
    held_to: nullable(TEXT),
    by: nullable(TEXT),
    reason: nullable(TEXT),
    ends_in_ms: nullable(FLOAT),
  },
  text: `
  WITH standing AS (
    SELECT about.processor, newest.* FROM (VALUES ('default'), ('fallback')) AS about (processor)
    CROSS JOIN LATERAL (
      SELECT id AS command, kind, payload->>'to' AS held_to, by, reason,
        ${epochMs('least(until - now(), until - at)')} AS ends_in_ms
      FROM commands
      WHERE kind IN ('pause', 'hold', 'resume') AND payload->>'processor' = about.processor
      ORDER BY id DESC LIMIT 1
    ) AS newest
    WHERE kind <> 'resume' AND (ends_in_ms IS NULL OR ends_in_ms > 0)
  )
  SELECT ${LAST_COMMAND} AS last, standing.*
  FROM (SELECT) AS nothing LEFT JOIN standing ON true`,
} satisfies Query

function holdOf(row: RowOf<(typeof READ_HOLDS)['columns']>): readonly Hold[] {
  const { processor, command, kind, held_to: heldTo, by, reason, ends_in_ms: endsInMs } = row
  if (processor === null) return []
  assert(command !== null && by !== null && reason !== null, 'a command is whole')
  const told = { processor, command, by, reason, endsInMs }
  if (kind === 'pause') return [{ ...told, kind, to: 'open' }]
  assert(kind === 'hold' && (heldTo === 'open' || heldTo === 'closed'), 'a hold says to which')
  return [{ ...told, kind, to: heldTo }]
}

/** Commands that an instance is told of at once. */
const PENDING_MAX = 100

const READ_PENDING = {
  name: 'readPending',
  effect: 'reads',
  columns: {
    id: INTEGER,
    kind: TEXT,
    processor: nullable(PROCESSOR_NAME),
    heldTo: nullable(TEXT),
    correlationId: nullable(TEXT),
    by: TEXT,
    reason: TEXT,
  },
  text: `
  SELECT id, kind, about.processor,
    CASE WHEN kind = 'hold' THEN payload->>'to' END AS "heldTo",
    payload->>'correlationId' AS "correlationId", by, reason
  FROM commands
  LEFT JOIN (VALUES ('default'), ('fallback')) AS about (processor)
    ON about.processor = payload->>'processor'
  WHERE id > $1 AND done_at IS NULL AND awaited ? $2 AND NOT result ? $2
  ORDER BY id LIMIT ${PENDING_MAX}`,
} satisfies Query

const NOTE_MET = {
  name: 'noteMet',
  effect: 'writes',
  columns: {},
  text: `
  UPDATE commands SET result = result || answer.given, done_at = CASE
    WHEN NOT EXISTS (
      SELECT FROM jsonb_array_elements_text(awaited) AS instance (id)
      WHERE NOT (result || answer.given) ? instance.id
    ) THEN coalesce(done_at, now()) END
  FROM (SELECT jsonb_build_object($2::text, $3::jsonb) AS given) AS answer
  WHERE commands.id = $1`,
} satisfies Query

const LIST = {
  name: 'listCommands',
  effect: 'reads',
  columns: COMMAND,
  text: `
  SELECT ${COMMAND_COLUMNS} FROM commands WHERE $2::bigint IS NULL OR id < $2
  ORDER BY id DESC LIMIT $1`,
} satisfies Query
