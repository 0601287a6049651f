import { randomUUID } from 'node:crypto'
import t from 'tap'
import { WebSocket } from 'undici'
import { freePort } from '../../src/infra/process/free-port.ts'
import { waitUntil } from '../../bench/layout/wait.ts'
import { startPit } from '../../src/app/pit.ts'
import { parseSamples } from '../../src/cli/samples.ts'
import { readConfig } from '../../src/config/config.ts'
import type { Frame } from '../../src/console/instances.ts'
import { createLogger } from '../../src/infra/process/logger.ts'
import { startSimulator } from '../../src/simulator/simulator.ts'
import { startPostgres, startProxy } from '../support/postgres.ts'
import { openPitClient } from '../support/system-client.ts'

const postgres = await startPostgres(t)

t.test(
  'metrics, console and log count the same, also of payments that were refused and committed',
  async (t) => {
    const proxy = await startProxy(t, await postgres.freshDatabase())
    const { pit, client, lines, opsUrl, showsSettled } = await startWatched(
      t,
      proxy.connectionString,
    )
    const first = { correlationId: randomUUID() }

    // Each is committed, and no answer arrives. After a failed commit payments are refused at once.
    proxy.loseAnswersTo('accept')
    t.same([await client.post(first), await client.post()], [503, 503])
    proxy.loseAnswersTo(undefined)
    await waitUntil({ what: 'commits succeed again' }, async () => {
      return (await client.post(first)) === 202
    })
    const again = await client.post(first)
    const settled = await client.postAll(3)
    const frame = await showsSettled(settled.length)
    const samples = parseSamples(await (await fetch(`${opsUrl}/metrics`)).text())
    await pit.stop('the spec is over')

    const log = lines().findLast(({ msg }) => msg === 'performance') ?? {}
    const counted = (name: string) => samples.sum(`pit_payments_${name}_total`) ?? NaN
    t.equal(again, 202, 'it is known')
    t.ok(counted('known') >= 2)
    t.ok(counted('refused') >= 2)
    const all = ['accepted', 'refused', 'settled'].map(counted)
    t.same([frame.accepted, frame.refused, frame.processors.default.settled], all, 'the console')
    t.same([log['accepted'], log['refused'], log['settledDefault']], all, 'the log')
    t.same([all[0], all[2]], [3, 3], 'what was refused is none of either')
  },
)

/** An instance whose strays, in doubt, are not looked for while the spec runs. */
async function startWatched(t: Parameters<typeof startProxy>[0], databaseUrl: string) {
  const processors = await Promise.all(
    [0.05, 0.15].map((feeRate) => startSimulator({ port: 0, feeRate })),
  )
  t.teardown(() => Promise.all(processors.map((processor) => processor.close())))
  const opsPort = await freePort()
  const config = readConfig({ PORT: '0', OPS_PORT: String(opsPort), LEASE_TTL_MS: '60000' })
  const texts: string[] = []
  const destination = { write: (text: string) => void texts.push(text) }
  const urls = processors.map(({ url }) => url)
  const [processorDefaultUrl = '', processorFallbackUrl = ''] = urls
  const pit = await startPit(
    config,
    { databaseUrl, processorDefaultUrl, processorFallbackUrl },
    createLogger({ level: 'info', instanceId: 'spec', destination }),
  )
  t.teardown(() => pit.stop('the spec is over'))
  const socket = new WebSocket(`ws://127.0.0.1:${opsPort}/console/ws`)
  t.teardown(() => socket.close())
  let latest: Frame['instances'][number] | undefined
  socket.addEventListener('message', ({ data }) => {
    const message = JSON.parse(String(data)) as Frame | { readonly type: 'hello' }
    if (message.type === 'frame') latest = message.instances[0]
  })
  return {
    pit,
    client: openPitClient(t, `http://127.0.0.1:${pit.port}`),
    opsUrl: `http://127.0.0.1:${opsPort}`,
    lines: () => texts.map((text) => JSON.parse(text) as Readonly<Record<string, unknown>>),
    showsSettled: async (payments: number) => {
      await waitUntil({ what: 'the console shows them' }, () => {
        return latest?.processors.default.settled === payments
      })
      if (latest === undefined) throw new Error('nothing was shown')
      return latest
    },
  }
}
