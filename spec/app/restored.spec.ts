// What an instance says of a PostgreSQL that was restored.

import t from 'tap'
import { startPit, type Pit } from '../../src/app/pit.ts'
import { readConfig } from '../../src/config/config.ts'
import { createLogger } from '../../src/infra/process/logger.ts'
import { freePort } from '../../src/infra/process/free-port.ts'
import { runSql, startPostgres } from '../support/postgres.ts'
import { answer, startRawProcessor } from '../support/raw-processor.ts'

const server = await startPostgres(t)

t.test('a start on a PostgreSQL that was restored says so and counts it', async (t) => {
  const processor = await startRawProcessor(t, answer(200))
  const addresses = {
    databaseUrl: await server.freshDatabase(),
    processorDefaultUrl: processor.url,
    processorFallbackUrl: processor.url,
  }
  const opsPort = await freePort()
  const config = readConfig({ PORT: '0', OPS_PORT: String(opsPort), WARM_UP_MS: '0' })
  const events: string[] = []
  const destination = {
    write: (line: string) => void events.push(String(Object(JSON.parse(line))['msg'])),
  }
  const logger = createLogger({ level: 'info', instanceId: 'spec', destination })
  const start = async (): Promise<Pit> => startPit(config, addresses, logger)
  await (await start()).stop('spec')
  t.notOk(events.includes('history.changed'))
  await runSql(addresses.databaseUrl, `UPDATE histories SET system_identifier = '1'`)

  const pit = await start()
  t.teardown(() => pit.stop('spec'))

  t.ok(events.includes('history.changed'))
  const metrics = await (await fetch(`http://127.0.0.1:${opsPort}/metrics`)).text()
  t.match(metrics, /^pit_history_changes_total 1$/m)
})
