// What Pit tells a client of single payments, against what the ledgers have.

import type { ProcessorName } from '../../src/actors/model/payment.ts'
import { HttpClient, describeAnswer, readJson } from '../../bench/load/client.ts'
import { parseTarget } from '../../bench/load/target.ts'
import type { Chance } from '../simulation/chance.ts'
import { PROCESSORS } from './payment-faults.ts'
import type { Ledgers, Recorded } from './processor-ledger.ts'

const SAMPLE = 200
const TIMEOUT_MS = 10_000

/** Asks for a sample of the recorded payments; a sentence for each that differs. */
export async function findStoryFaults(
  url: string,
  ledgers: Ledgers,
  chance: Chance,
): Promise<readonly string[]> {
  const all = PROCESSORS.flatMap((name) => ledgers[name].map((entry) => ({ name, entry })))
  if (all.length === 0) return []
  const client = new HttpClient({ target: parseTarget(url), timeoutMs: TIMEOUT_MS })
  const faults: string[] = []
  for (let asked = 0; asked < SAMPLE; asked += 1) {
    const { name, entry } = chance.pick(all)
    const path = `/payments/${entry.correlationId}`
    const answer = await client.request({ method: 'GET', path })
    if (isStoryOf(readJson(answer), name, entry)) continue
    const told = answer.kind === 'answered' ? answer.body.toString('utf8') : describeAnswer(answer)
    faults.push(`${entry.correlationId} is recorded at ${name}, Pit tells ${told}`)
  }
  client.close()
  return faults
}

function isStoryOf(story: unknown, name: ProcessorName, entry: Recorded): boolean {
  if (typeof story !== 'object' || story === null) return false
  const told = story as Record<string, unknown>
  return (
    told['state'] === 'settled' &&
    told['processor'] === name &&
    Math.round(Number(told['amount']) * 100) === entry.amountCents &&
    Date.parse(String(told['requestedAt'])) === entry.requestedAt
  )
}
