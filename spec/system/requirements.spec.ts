import t, { type Test } from 'tap'
import { NO_BROWSER, openBrowser } from '../support/browser.ts'
import { NO_REDIS, openRedis } from '../support/redis.ts'
import { missingPrograms } from '../support/system-layout.ts'

const NOTHING_INSTALLED = { PATH: '', REDIS_URL: undefined, CHROMIUM_PATH: '/nowhere/chromium' }

t.test('specs are skipped where programs are missing, and say which', async (t) => {
  onMachine(t, { ...NOTHING_INSTALLED, CI: undefined })

  t.equal(missingPrograms(), 'not on PATH: nginx, redis-server')
  t.equal(await openRedis(t), undefined)
  t.equal(await openBrowser(t), undefined)
})

t.test('a missing program is a failure under CI', async (t) => {
  onMachine(t, { ...NOTHING_INSTALLED, CI: 'true' })

  t.throws(missingPrograms, { message: 'not on PATH: nginx, redis-server' })
  await t.rejects(openRedis(t), { message: NO_REDIS })
  await t.rejects(openBrowser(t), { message: NO_BROWSER })
})

/** Changes the environment until the end of the test. */
function onMachine(t: Test, variables: Readonly<Record<string, string | undefined>>): void {
  for (const [name, value] of Object.entries(variables)) {
    const before = process.env[name]
    t.teardown(() => setVariable(name, before))
    setVariable(name, value)
  }
}

function setVariable(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name]
  else process.env[name] = value
}
