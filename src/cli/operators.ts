// The operators' port of an instance, as commands come there: with a key, where there are keys, and
// with the token that each change carries.

import { setTimeout as pause } from 'node:timers/promises'
import { readHttpUrl } from '../operator/command-line.ts'
import { PitUnreachable, UsageError } from '../operator/failures.ts'
import { findOperatorsPort, keyHeaders } from './addresses.ts'
import { askPit, detailOf, OPERATORS_CALL, readFields, type Fields } from './ask-pit.ts'
import { readShownCommand, type ShownCommand } from './command-text.ts'
import { confirm } from './confirm.ts'

export interface Operators {
  readonly url: string
  readonly access: { readonly by: string; readonly token: string }
}

/** What was answered, or why it was refused, in Pit's words. */
export type OperatorsAnswer = { readonly value: Fields } | { readonly refusal: string }

/**
 * Signs in at the port that stands after --url, or that `findOperatorsPort` finds. Rejects with
 * `UsageError` also where the key is not taken, and with `PitUnreachable`.
 */
export async function findOperators(given: string | undefined): Promise<Operators> {
  const url = given === undefined ? (await findOperatorsPort()).url : readHttpUrl('url', given)
  const answer = await askPit({ url, path: '/console/access', headers: keyHeaders() })
  const { by, token } = readFields(answer.body) ?? {}
  if (answer.status === 401) {
    throw new UsageError(`${url} answers ${detailOf(answer)} PIT_KEY has the key.`)
  }
  if (answer.status === 404) throw new PitUnreachable(`${url} answers 404: ${OPERATORS_CALL}`)
  if (typeof by !== 'string' || typeof token !== 'string') {
    throw new PitUnreachable(`${url} answers ${detailOf(answer)}`)
  }
  return { url, access: { by, token } }
}

/** Rejects with `PitUnreachable`, also where its PostgreSQL does not answer. */
export async function askOperators(
  { url, access: { token } }: Operators,
  { path, body }: { readonly path: string; readonly body?: object },
): Promise<OperatorsAnswer> {
  const headers = { ...keyHeaders(), 'x-pit-page': token }
  const posted = body === undefined ? {} : { body: JSON.stringify(body) }
  const answer = await askPit({ url, path, headers, ...posted })
  const value = readFields(answer.body)
  if (answer.status === 200 && value !== undefined) return { value }
  if (answer.status >= 400 && answer.status < 500) return { refusal: detailOf(answer) }
  throw new PitUnreachable(`${url} answers ${detailOf(answer)}`)
}

/** How long instances may take to obey, ms, and how often that is asked. */
const OBEYED_WITHIN_MS = 5_000
const ASK_MS = 200

/** The instance that took an order gives no answer any more. */
export class FellSilent extends PitUnreachable {}

/**
 * Gives an order, and waits until all have said what it met; as it is by then, or why it was refused.
 * Rejects with `PitUnreachable`, and with `FellSilent` once the order was taken.
 */
export async function giveOrder(
  operators: Operators,
  body: object,
  { waitMs = OBEYED_WITHIN_MS }: { readonly waitMs?: number } = {},
): Promise<ShownCommand | { readonly refusal: string }> {
  const path = '/console/commands'
  const given = await askOperators(operators, { path, body })
  if ('refusal' in given) return given
  let command = readShownCommand(given.value)
  for (let waitedMs = 0; command.doneAt === null && waitedMs < waitMs; waitedMs += ASK_MS) {
    await pause(ASK_MS)
    const asked = askOperators(operators, { path: `${path}/${command.id}` })
    const answer = await asked.catch((error: unknown) => {
      throw silenceOf(error, operators)
    })
    if ('value' in answer) command = readShownCommand(answer.value)
  }
  return command
}

/** Where nothing was answered at all, that; otherwise the same error. */
function silenceOf(error: unknown, { url }: Operators): unknown {
  // An answer that cannot be gone by, such as a 503, has no cause.
  if (!(error instanceof PitUnreachable) || error.cause === undefined) return error
  return new FellSilent(`${url} has taken the order and no longer answers`, { cause: error })
}

/** Whether whoever sits at the terminal means it. Throws `UsageError` where nobody does. */
export async function isMeant(words: string, operators: Operators): Promise<boolean> {
  if (confirm === undefined) throw new UsageError('nobody can be asked here; --yes needs nobody')
  return await confirm(`${words}, as ${operators.access.by}, over ${operators.url}?`)
}
