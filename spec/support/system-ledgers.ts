// What both processors recorded, read from simulators in this process or over their admin routes.

import type { Test } from 'tap'
import { request } from 'undici'
import type { ProcessorName, ProcessorTotal } from '../../src/actors/model/payment.ts'
import type { RecordedPayment, Simulator } from '../../src/simulator/simulator.ts'
import type { Sends } from '../../src/simulator/state.ts'
import { ProcessorAdmin } from '../../bench/challenge/processor-admin.ts'
import { GIVE_UP_MS } from '../../bench/layout/wait.ts'
import { parseTarget } from '../../bench/load/target.ts'

export type ByProcessor<Value> = Readonly<Record<ProcessorName, Value>>

/** The processors' own books. */
export interface Ledgers {
  totals(): Promise<ByProcessor<ProcessorTotal>>
  payments(): Promise<ByProcessor<readonly RecordedPayment[]>>
  /** Whether no charge is under way any more that could still be recorded. */
  areQuiet(): Promise<boolean>
}

/** Asked anew at each call: a spec may replace a simulator by one that kept its books. */
export function simulatorLedgers(simulators: () => ByProcessor<Simulator>): Ledgers {
  return {
    totals: async () => {
      const { default: first, fallback } = simulators()
      return { default: first.summary(), fallback: fallback.summary() }
    },
    payments: async () => {
      const { default: first, fallback } = simulators()
      return { default: [...first.payments()], fallback: [...fallback.payments()] }
    },
    areQuiet: async () => Object.values(simulators()).every((each) => isQuiet(each.sends())),
  }
}

export interface RemoteProcessors extends Ledgers {
  readonly admin: ByProcessor<ProcessorAdmin>
}

/** Simulators in processes of their own, with the token that they start with. */
export function remoteProcessors(t: Test, urls: ByProcessor<string>): RemoteProcessors {
  const admin = {
    default: openAdmin(t, 'default', urls.default),
    fallback: openAdmin(t, 'fallback', urls.fallback),
  }
  return {
    admin,
    totals: async () => {
      const [first, second] = await Promise.all([
        readTotal(admin.default),
        readTotal(admin.fallback),
      ])
      return { default: first, fallback: second }
    },
    payments: async () => {
      const [first, second] = await Promise.all([list(urls.default), list(urls.fallback)])
      return { default: first, fallback: second }
    },
    areQuiet: async () => {
      const sends = await Promise.all([readSends(urls.default), readSends(urls.fallback)])
      return sends.every(isQuiet)
    },
  }
}

/** Each charge that was received has come to its end; a delayed one has not. */
function isQuiet({ received, outcomes }: Sends): boolean {
  return received === Object.values(outcomes).reduce((sum, count) => sum + count, 0)
}

const TOKEN = '123'

function openAdmin(t: Test, name: ProcessorName, url: string): ProcessorAdmin {
  const options = { target: parseTarget(url), timeoutMs: GIVE_UP_MS }
  const admin = new ProcessorAdmin({ name, token: TOKEN, ...options })
  t.teardown(() => admin.close())
  return admin
}

async function readTotal(admin: ProcessorAdmin): Promise<ProcessorTotal> {
  const books = await admin.readBooks({})
  if (books === undefined) throw new Error(`processor ${admin.name} does not tell its books`)
  return books
}

async function readSends(url: string): Promise<Sends> {
  return JSON.parse(await readAdmin(`${url}/admin/sends`)) as Sends
}

async function readAdmin(url: string): Promise<string> {
  const { body } = await request(url, { headers: { 'x-rinha-token': TOKEN } })
  return body.text()
}

async function list(url: string): Promise<readonly RecordedPayment[]> {
  const lines = (await readAdmin(`${url}/admin/payments`)).split('\n').filter(Boolean)
  return lines.map((line) => JSON.parse(line) as RecordedPayment)
}
