import t from 'tap'
import { configuredBy } from '../../src/app/settings.ts'
import { readConfig } from '../../src/config/config.ts'

t.test('the settle-by deadline has room for a charge that waits for its connection', async (t) => {
  const { work } = configuredBy(
    readConfig({
      CONNECT_TIMEOUT_MS: '1500',
      IN_DOUBT_HORIZON_MS: '10000',
      LOOKUP_LAG_MS: '200',
    }),
  )
  t.equal(work.settleByMs, 11_700)
})
