// A payment in doubt that an operator has resolved: what the order says is carried out, and noted in the
// order's row, by one statement.

import { CLOCKS_APART_MS, RESOLVE_FOR_MS } from '../../actors/model/operator.ts'
import { NEXT_TOKEN } from './ownership.ts'
import type { Query } from './rows.ts'
import { addToTotals, commitOnDisk, epochMs, isKnown } from './sql.ts'

/** What the instant of one that is settled lets happen: a charge that nobody sent is not booked. */
const INSTANT_MET = `CASE
        WHEN NOT settles OR sent.instants @> to_jsonb(requested_at) THEN 'resolved'
        WHEN requested_at < payment.accepted_at - ${CLOCKS_APART_MS}
          OR requested_at > ${epochMs('now()')} + ${CLOCKS_APART_MS} THEN 'untimely'
        WHEN command.payload ? 'unlisted' OR sent.instants = '[]' THEN 'resolved'
        ELSE 'unlisted' END`

// Only what is parked is resolved: no instance has it in memory then, so that none can charge it by
// what it knew before. The command is locked first: of several instances that carry it out at once
// all but one find it ended.
export const RESOLVE = {
  name: 'resolvePayment',
  effect: 'writes',
  columns: {},
  text: `
  WITH command AS MATERIALIZED (
    SELECT id, at, payload, payload->>'to' = 'settled' AS settles, payload->>'processor' AS processor,
      (payload->>'requestedAt')::bigint AS requested_at,
      (payload->>'correlationId')::uuid AS correlation_id
    FROM commands WHERE id = $1 AND kind = 'resolve' AND done_at IS NULL
    FOR UPDATE
  ), payment AS MATERIALIZED (
    SELECT p.correlation_id, p.state, p.owner, p.attempts, ${epochMs('p.accepted_at')} AS accepted_at,
      CASE command.processor WHEN 'default' THEN p.default_doubt_requested_at_ms
        WHEN 'fallback' THEN p.fallback_doubt_requested_at_ms END AS doubt_requested_at,
      p.default_doubt_until_ms IS NOT NULL AS at_default,
      p.fallback_doubt_until_ms IS NOT NULL AS at_fallback
    FROM command JOIN payments p ON p.correlation_id = command.correlation_id
    FOR UPDATE OF p
  ), sent AS MATERIALIZED (
    SELECT coalesce(jsonb_agg(instant ORDER BY instant), '[]') AS instants FROM (
      SELECT doubt_requested_at AS instant FROM payment WHERE doubt_requested_at IS NOT NULL
      UNION
      SELECT (attempt->>'requestedAt')::bigint FROM command, payment, jsonb_array_elements(
        CASE jsonb_typeof(attempts) WHEN 'array' THEN attempts ELSE '[]' END) AS attempt
      WHERE attempt->>'processor' = processor AND jsonb_typeof(attempt->'requestedAt') = 'number'
    ) AS attempted
  ), judged AS MATERIALIZED (
    SELECT command.*, payment.accepted_at, sent.instants, CASE
      WHEN payment.state IS NULL AND ${isKnown('command.correlation_id')} THEN 'settled'
      WHEN payment.state IS NULL THEN 'unknown'
      WHEN payment.state = 1 THEN 'settled'
      WHEN payment.state = 2 THEN 'rejected'
      WHEN payment.owner IS NOT NULL AND $3::boolean THEN 'busy'
      WHEN payment.owner IS NOT NULL THEN 'owned'
      WHEN ${isNamed('default')} AND payment.at_default
        OR ${isNamed('fallback')} AND payment.at_fallback THEN ${INSTANT_MET}
      ELSE 'notInDoubt' END AS met
    FROM command LEFT JOIN payment ON true CROSS JOIN sent
  ), updated AS (
    UPDATE payments p SET claim = ${NEXT_TOKEN},
      state = CASE WHEN settles THEN 1 ELSE 0 END,
      processor = CASE WHEN settles AND judged.processor = 'default' THEN 1 WHEN settles THEN 2 END,
      requested_at_ms = CASE WHEN settles THEN (payload->>'requestedAt')::bigint END,
      due_at = CASE WHEN settles THEN NULL ELSE now() END,
      ${['default', 'fallback'].map(leftDoubt).join(',\n      ')}
    FROM judged
    WHERE judged.met = 'resolved' AND p.correlation_id = judged.correlation_id
    RETURNING p.state, p.processor, p.requested_at_ms, p.amount_cents
  ), counted AS (
    ${addToTotals('updated', '0::smallint')}
  ), noted AS (
    UPDATE commands c SET awaited = jsonb_build_array($2::text), done_at = now(),
      result = jsonb_build_object($2::text, jsonb_build_object('payment', judged.met)
        || CASE WHEN judged.met IN ('untimely', 'unlisted') THEN jsonb_build_object(
          'acceptedAt', judged.accepted_at, 'requestedAt', judged.instants) ELSE '{}' END)
    FROM judged
    WHERE c.id = judged.id
      AND (judged.met <> 'owned' OR judged.at < now() - interval '${RESOLVE_FOR_MS} ms')
  )
  SELECT ${commitOnDisk('transaction')}`,
} satisfies Query

/** Whether the order of `command` is about what became of the payment at this processor. */
function isNamed(processor: string): string {
  return `(command.processor = '${processor}' OR command.payload->'processors' ? '${processor}')`
}

/** What is settled is in no doubt; else the doubts are over that the order names. */
function leftDoubt(processor: string): string {
  const isOver = `settles OR payload->'processors' ? '${processor}'`
  return ['until', 'requested_at']
    .map((what) => `${processor}_doubt_${what}_ms`)
    .map((column) => `${column} = CASE WHEN ${isOver} THEN NULL ELSE p.${column} END`)
    .join(',\n      ')
}
