import dns from 'node:dns'
import { readdirSync } from 'node:fs'
import t from 'tap'
import { createAdapters } from '../../src/app/adapters.ts'
import { readConfig } from '../../src/config/config.ts'
import { createLogger } from '../../src/infra/process/logger.ts'
import { projectFile } from '../../src/infra/process/project-file.ts'
import { startPostgres } from '../support/postgres.ts'
import { CHARGE } from '../support/processor.ts'
import { answer, startRawProcessor } from '../support/raw-processor.ts'
import { openRedis } from '../support/redis.ts'
import { ANY_TIME_OF_DAY } from '../support/standing-time.ts'

const server = await startPostgres(t)
const redis = await openRedis(t)

t.test('no connection waits in Node’s threads for its name', async (t) => {
  const processor = await startRawProcessor(t, answer(200))
  const collector = await startRawProcessor(t, answer(200))
  const config = readConfig({
    ...(redis === undefined ? {} : { REDIS_URL: byName(redis.url) }),
    OTEL_EXPORTER_OTLP_ENDPOINT: byName(collector.url),
    TRACE_SAMPLE: '1',
    LOG_LEVEL: 'silent',
  })
  const addresses = {
    databaseUrl: byName(await server.freshDatabase()),
    processorDefaultUrl: byName(processor.url),
    processorFallbackUrl: byName(processor.url),
  }
  const logger = createLogger({ level: 'silent', instanceId: 'spec' })
  // As if all of them hung.
  const { lookup } = dns
  Object.assign(dns, { lookup: () => undefined })
  t.teardown(() => Object.assign(dns, { lookup }))

  const adapters = await createAdapters(config, addresses, {
    logger,
    telemetry: { emit: () => undefined },
  })

  const { ledger, fence, processors } = adapters
  const { leaseId: id } = await ledger.acquireLease({ instanceId: 'spec', ttlMs: 60_000 })
  t.same((await ledger.accept([CHARGE], { leaseId: id, parked: false })).results, ['accepted'])
  fence.extend({ id, validUntil: Number.POSITIVE_INFINITY, ...ANY_TIME_OF_DAY })
  const charged = new Promise((resolve) => processors.default.charge(CHARGE, resolve))
  t.match(await charged, { kind: 'settled' })
  if (redis !== undefined) t.same(await adapters.settledSet.read(), [])
  await adapters.close()
  t.ok(collector.requests.length > 0, 'spans arrive as well')
})

t.test('what an empty database gets is one line of the log', async (t) => {
  const databaseUrl = await server.freshDatabase()
  const url = 'http://127.0.0.1:9'
  const addresses = { databaseUrl, processorDefaultUrl: url, processorFallbackUrl: url }
  const lines: Record<string, unknown>[] = []
  const destination = { write: (text: string) => void lines.push(JSON.parse(text)) }
  const logger = createLogger({ level: 'info', instanceId: 'spec', destination })
  const told = { logger, telemetry: { emit: () => undefined } }

  for (const _ of ['first', 'second']) {
    await (await createAdapters(readConfig({}), addresses, told)).close()
  }

  const { length: migrations } = readdirSync(projectFile('compose/migrations'))
  const about = lines.filter(({ msg }) => String(msg).startsWith('ledger.m'))
  t.match(about, [{ msg: 'ledger.made', level: 'info', migrations }])
  t.equal(about.length, 1)
})

function byName(url: string): string {
  return url.replace('127.0.0.1', 'localhost')
}
