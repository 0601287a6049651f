// What a chaos run happens to: the whole layout, with a gate in front of each processor and of
// PostgreSQL.

import type { ProcessorName } from '../../src/actors/model/payment.ts'
import { startLayout } from '../../bench/layout/layout.ts'
import type { Layout } from '../../bench/layout/plan.ts'
import { freePort } from '../../bench/layout/ports.ts'
import { Gate } from './gate.ts'
import { PitLedger } from './pit-ledger.ts'
import { ProcessorLedger } from './processor-ledger.ts'

export interface Stage {
  readonly layout: Layout
  readonly gates: Readonly<Record<ProcessorName, Gate>>
  /** Between the instances and PostgreSQL. */
  readonly postgresGate: Gate
  readonly ledgers: Readonly<Record<ProcessorName, ProcessorLedger>>
  /** For looking on. */
  readonly pitLedger: PitLedger
  /** For faults of PostgreSQL: what they wait for holds up nobody else. */
  readonly saboteur: PitLedger
  /** For the counts at the start and end of recoveries. */
  readonly surveyor: PitLedger
  close(): Promise<void>
}

/** @param place.dir for data, sockets and logs; kept. */
export async function startStage(place: {
  readonly dir: string
  readonly instances: number
  readonly env: Readonly<Record<string, string>>
}): Promise<Stage> {
  const ports = {
    default: await freePort(),
    fallback: await freePort(),
    postgres: await freePort(),
  }
  const gates = {
    default: new Gate({ port: await freePort(), target: ports.default }),
    fallback: new Gate({ port: await freePort(), target: ports.fallback }),
  }
  const postgresGate = new Gate({ port: await freePort(), target: ports.postgres })
  await Promise.all([gates.default.open(), gates.fallback.open(), postgresGate.open()])
  const layout = await startLayout({
    dir: place.dir,
    instances: place.instances,
    ports,
    env: {
      LOG_LEVEL: 'info',
      DATABASE_URL: `postgresql://pit@${new URL(postgresGate.url).host}/postgres`,
      PROCESSOR_DEFAULT_URL: gates.default.url,
      PROCESSOR_FALLBACK_URL: gates.fallback.url,
      ...place.env,
    },
  })
  const pitLedger = new PitLedger(layout.postgres.url)
  const saboteur = new PitLedger(layout.postgres.url)
  const surveyor = new PitLedger(layout.postgres.url)
  return {
    layout,
    gates,
    postgresGate,
    ledgers: {
      default: new ProcessorLedger(`http://127.0.0.1:${ports.default}`),
      fallback: new ProcessorLedger(`http://127.0.0.1:${ports.fallback}`),
    },
    pitLedger,
    saboteur,
    surveyor,
    close: async () => {
      await Promise.all([pitLedger.close(), saboteur.close(), surveyor.close()])
      await layout.stop()
      await Promise.all([gates.default.close(), gates.fallback.close(), postgresGate.close()])
    },
  }
}
