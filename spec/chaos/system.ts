// The system that a chaos run happens to: the whole layout, with a proxy in front of each processor and
// a relay in front of PostgreSQL.

import { startLayout } from '../../bench/layout/layout.ts'
import type { Layout, LayoutOptions } from '../../bench/layout/plan.ts'
import { freePort } from '../../src/infra/process/free-port.ts'
import type { ProcessorName } from '../../src/actors/model/payment.ts'
import { Oracle } from '../simulation/worlds/oracle.ts'
import { PitLedger, ProcessorLedger } from './ledgers.ts'
import { Clocks, findFaketime } from './clocks.ts'
import { canChangeResolver, Names } from './names.ts'
import { type FaultName, setsClock } from './fault-kinds.ts'
import type { ProcessorBounds } from './options.ts'
import { HttpProxy } from './proxy.ts'
import { TcpRelay } from './relay.ts'

export interface System {
  readonly layout: Layout
  readonly relays: Readonly<Record<ProcessorName, HttpProxy>>
  readonly clocks: Clocks
  /** Undefined where instances cannot be given another resolver. */
  readonly names: Names | undefined
  /** What the proxies did to payments. */
  readonly oracle: Oracle
  /** Between the instances and PostgreSQL. */
  readonly postgresRelay: TcpRelay
  readonly ledgers: Readonly<Record<ProcessorName, ProcessorLedger>>
  /** For the checks of the run. */
  readonly pitLedger: PitLedger
  /** For faults of PostgreSQL: their waits hold up no other query. */
  readonly faultLedger: PitLedger
  /** For the counts at the start and end of recoveries. */
  readonly recoveryLedger: PitLedger
  close(): Promise<void>
}

export interface SystemPlace {
  /** For data, sockets and logs; kept. */
  readonly dir: string
  readonly instances: number
  readonly env: Readonly<Record<string, string>>
  readonly program: string | undefined
  readonly bounds: ProcessorBounds
  /** In the place of PostgreSQL and Redis. */
  readonly stores?: NonNullable<LayoutOptions['stores']>
  /** Nothing is prepared for others. */
  readonly faults: readonly FaultName[]
}

export async function startSystem(place: SystemPlace): Promise<System> {
  const ports = {
    default: await freePort(),
    fallback: await freePort(),
    postgres: await freePort(),
  }
  const oracle = new Oracle('fair')
  const { settleByMs } = place.bounds
  const proxy = async (processor: ProcessorName): Promise<HttpProxy> => {
    const target = ports[processor]
    return new HttpProxy({ processor, port: await freePort(), target, oracle, settleByMs })
  }
  const relays = { default: await proxy('default'), fallback: await proxy('fallback') }
  const postgresRelay = new TcpRelay({ port: await freePort(), target: ports.postgres })
  await Promise.all([relays.default.open(), relays.fallback.open(), postgresRelay.open()])
  // Reading the time costs more under libfaketime.
  const setsClocks = place.faults.some(setsClock)
  const clocks = new Clocks(place.dir, setsClocks ? findFaketime() : undefined)
  const changesNames = place.faults.includes('name') && canChangeResolver()
  const names = changesNames ? await Names.open(place.dir) : undefined
  const urlOf = (name: ProcessorName): string =>
    names?.urlOf(name, relays[name].url) ?? relays[name].url
  const layout = await startLayout({
    starterOf: (name) => [
      ...(name.startsWith('pit') ? (names?.starter() ?? []) : []),
      ...clocks.starterOf(name),
    ],
    dir: place.dir,
    instances: place.instances,
    ...(place.stores === undefined ? {} : { stores: place.stores }),
    ports,
    ...(place.program === undefined ? {} : { program: place.program }),
    env: {
      LOG_LEVEL: 'info',
      // How soon a restarted instance is back is measured.
      WARM_UP_MS: '0',
      DATABASE_URL: `postgresql://pit@${new URL(postgresRelay.url).host}/postgres`,
      PROCESSOR_DEFAULT_URL: urlOf('default'),
      PROCESSOR_FALLBACK_URL: urlOf('fallback'),
      ...place.env,
    },
  })
  const pitLedger = new PitLedger(layout.postgres.url)
  const faultLedger = new PitLedger(layout.postgres.url)
  const recoveryLedger = new PitLedger(layout.postgres.url)
  return {
    layout,
    relays,
    clocks,
    names,
    oracle,
    postgresRelay,
    ledgers: {
      default: new ProcessorLedger(`http://127.0.0.1:${ports.default}`),
      fallback: new ProcessorLedger(`http://127.0.0.1:${ports.fallback}`),
    },
    pitLedger,
    faultLedger,
    recoveryLedger,
    close: async () => {
      await Promise.all([pitLedger.close(), faultLedger.close(), recoveryLedger.close()])
      await layout.stop()
      names?.close()
      await Promise.all([relays.default.close(), relays.fallback.close(), postgresRelay.close()])
    },
  }
}
