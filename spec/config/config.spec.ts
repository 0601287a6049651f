import { hostname } from 'node:os'
import t from 'tap'
import { helpText } from '../../src/config/text.ts'
import { VARIABLES } from '../../src/config/variables.ts'
import { readConfig, type Environment } from '../../src/config/config.ts'
import { createLogger, subsystemLogger } from '../../src/infra/process/logger.ts'
import { faultsOf } from '../support/config-faults.ts'

t.test('an empty environment gives a complete configuration', async (t) => {
  const config = readConfig({})

  t.match(config, {
    listen: { port: 9999 },
    opsPort: 9998,
    opsHost: '127.0.0.1',
    databaseUrl: undefined,
    redisUrl: undefined,
    processorDefaultUrl: undefined,
    processorDefaultFee: 0.05,
    processorFallbackFee: 0.15,
    allowPurge: false,
    dataDir: '.data',
    logLevel: 'info',
    inDoubtHorizonMs: 20_000,
    acceptWindowMs: 0,
    loseAcceptedPaymentsOnCrash: false,
  })
  t.match(config.instanceId, new RegExp(`-${process.pid}$`))
  t.ok(config.instanceId.startsWith(hostname().slice(0, 1)))
})

t.test('every variable that is set arrives in its field', async (t) => {
  const config = readConfig({
    LISTEN_SOCKET: '/run/pit/1.sock',
    DATABASE_URL: 'postgresql://pit:secret@db/pit',
    REDIS_URL: 'redis://redis:6379/',
    PROCESSOR_DEFAULT_URL: 'http://payment-processor-default:8080/',
    PROCESSOR_FALLBACK_URL: 'https://payment-processor-fallback',
    PROCESSOR_DEFAULT_FEE: '0.04',
    ALLOW_PURGE: 'on',
    INSTANCE_ID: 'pit-1',
    LOG_LEVEL: 'warn',
    OPS_PORT: '0',
    READY_MAX: '10',
  })

  t.match(config, {
    listen: { socket: '/run/pit/1.sock' },
    databaseUrl: 'postgresql://pit:secret@db/pit',
    redisUrl: 'redis://redis:6379',
    processorDefaultUrl: 'http://payment-processor-default:8080',
    processorFallbackUrl: 'https://payment-processor-fallback',
    processorDefaultFee: 0.04,
    allowPurge: true,
    instanceId: 'pit-1',
    logLevel: 'warn',
    opsPort: 0,
    readyMax: 10,
  })
})

t.test('a variable that is empty counts as unset', async (t) => {
  t.same(
    readConfig({ PORT: '', DATABASE_URL: '', INSTANCE_ID: 'a' }),
    readConfig({ INSTANCE_ID: 'a' }),
  )
})

t.test('every default lies within the bounds of its variable', async (t) => {
  for (const variable of Object.values(VARIABLES)) {
    if (typeof variable.fallback !== 'number') continue
    t.same(variable.parse(variable.shown), { value: variable.fallback }, variable.name)
  }
})

t.test('the name of a field is the name of its variable', async (t) => {
  for (const [field, { name }] of Object.entries(VARIABLES)) {
    t.equal(field.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase(), name)
  }
})

t.test('the configuration is frozen', async (t) => {
  const config = readConfig({})
  t.ok(Object.isFrozen(config))
  t.ok(Object.isFrozen(config.listen))
})

t.test('all faults are reported at once, without the texts of URLs', async (t) => {
  const faults = faultsOf({
    PORT: 'http',
    OPS_PORT: '65536',
    DATABASE_URL: 'mysql://pit:secret@db/pit',
    REDIS_URL: 'secret',
    PROCESSOR_DEFAULT_FEE: '5%',
    ALLOW_PURGE: 'perhaps',
    INSTANCE_ID: 'two words',
    LOG_LEVEL: 'loud',
    QUICK_TRIES: '1.5',
    CIRCUIT_FAILURE_RATE: '0',
    READY_MAX: '-1',
  })

  t.equal(faults.length, 11)
  t.match(faults.join('\n'), 'PORT is not a whole number')
  t.match(faults.join('\n'), 'OPS_PORT is out of range (port, 0 to 65535)')
  t.match(faults.join('\n'), 'LOG_LEVEL is none of trace')
  t.notMatch(faults.join('\n'), 'secret')
})

t.test(
  'a part of a URL that Pit does not honour is refused by the name of its variable',
  async (t) => {
    const fallback = { PROCESSOR_FALLBACK_URL: 'http://fallback' }
    const refused: readonly (readonly [environment: Environment, fault: RegExp])[] = [
      [
        { DATABASE_URL: 'postgres://pit@db/pit?connect_timeout=5' },
        /^DATABASE_URL .*connect_timeout/,
      ],
      [{ DATABASE_URL: 'postgres://pit@db/pit?sslmode=allow' }, /^DATABASE_URL .*sslmode/],
      [
        { DATABASE_URL: 'postgres://pit@db/pit?ssl=false' },
        /^DATABASE_URL has a ssl that is none of/,
      ],
      [{ DATABASE_URL: 'postgres://pit@db/pit#one' }, /^DATABASE_URL has a fragment/],
      [{ DATABASE_URL: 'postgres://pit@db:99999/pit' }, /^DATABASE_URL has a host or port/],
      [{ DATABASE_URL: 'postgres://pit@a:5432,b:x/pit' }, /^DATABASE_URL has a host or port/],
      [{ DATABASE_URL: 'postgres:pit' }, /^DATABASE_URL has no \/\//],
      [{ DATABASE_URL: 'postgres://pit:%ff@db/pit' }, /^DATABASE_URL has a %/],
      [{ DATABASE_URL: 'postgres://pit@db/pit%00' }, /^DATABASE_URL has a %/],
      [{ REDIS_URL: 'redis://redis/first' }, /^REDIS_URL has a database that is no number/],
      [{ REDIS_URL: 'redis://redis:x/1' }, /^REDIS_URL has a host or port/],
      [{ REDIS_URL: 'redis://redis/1?family=6' }, /^REDIS_URL has a query/],
      [{ REDIS_URL: 'redis:///1' }, /^REDIS_URL has (?:no host|a host)/],
      [{ REDIS_URL: 'unix://host/redis.sock' }, /^REDIS_URL is not unix:\/\/\/path/],
      [{ REDIS_URL: 'unix:///run/redis.sock?db=1' }, /^REDIS_URL has a query/],
      [{ REDIS_URL: 'unix:///run/%zz.sock' }, /^REDIS_URL has a %/],
      [{ REDIS_URL: 'redis+sentinel://a,b:26379' }, /^REDIS_URL does not name the primary/],
      [{ REDIS_URL: 'redis+sentinel://a,b/' }, /^REDIS_URL does not name the primary/],
      [{ REDIS_URL: 'redis+sentinel://a/pit/x' }, /^REDIS_URL has a database that is no number/],
      [{ REDIS_URL: 'redis+sentinel://a/pit/1/2' }, /^REDIS_URL has a database that is no number/],
      [{ REDIS_URL: 'redis+sentinel://a,/pit' }, /^REDIS_URL has no host/],
      [{ REDIS_URL: 'redis+sentinel:///pit' }, /^REDIS_URL has no host/],
      [{ REDIS_URL: 'redis+cluster://a,b/1' }, /^REDIS_URL has a database, and a cluster/],
      [{ REDIS_URL: 'redis+cluster:a' }, /^REDIS_URL has no \/\//],
      [
        { ...fallback, PROCESSOR_DEFAULT_URL: 'http://me:secret@one' },
        /^PROCESSOR_DEFAULT_URL .*user/,
      ],
      [
        { ...fallback, PROCESSOR_DEFAULT_URL: 'http://one?key=1' },
        /^PROCESSOR_DEFAULT_URL .*query/,
      ],
      [{ ...fallback, PROCESSOR_DEFAULT_URL: 'http://one#x' }, /^PROCESSOR_DEFAULT_URL .*fragment/],
      [{ ...fallback, PROCESSOR_DEFAULT_URL: 'http://one:99999' }, /^PROCESSOR_DEFAULT_URL .*port/],
    ]

    for (const [environment, fault] of refused) {
      const faults = faultsOf(environment)
      t.equal(faults.length, 1, JSON.stringify(environment))
      t.match(faults[0], fault)
      t.notMatch(faults[0], 'secret')
    }
  },
)

t.test(
  'a URL with a port or host that cannot be is refused with its variable’s name',
  async (t) => {
    const urls: Readonly<Record<string, readonly string[]>> = {
      DATABASE_URL: [
        'postgres://db/pit?port=abc',
        'postgres://db/pit?port=0',
        'postgres://db/pit?port=65536',
        'postgres://db/pit?port=5432,5433',
        'postgres://db:0/pit',
        'postgres://a:5432,b:0/pit',
        'postgres://d%00b/pit',
        'postgres://d%20b/pit',
        'postgres://d%2Fb/pit',
        'postgres:///pit?host=d%00b',
        'postgres:///pit?host=a,b',
        'postgres://me%00@db/pit',
        'postgres://db/p%00it',
      ],
      REDIS_URL: [
        'redis://redis:0',
        'redis://re%00dis',
        'redis://re%20dis',
        'redis://:sec%00ret@redis',
        'unix:///run/re%00dis.sock',
        'redis+sentinel://a:1,b:0/pit',
        'redis+cluster://a:x',
        'redis+cluster://a,b%20c',
        'redis+cluster://:sec%00ret@a',
      ],
      PROCESSOR_DEFAULT_URL: ['http://x:0', 'http://x%00y', 'http://x/%00'],
      PROCESSOR_FALLBACK_URL: ['http://x:0', 'http://x%00y', 'http://x/%00'],
    }
    for (const [name, all] of Object.entries(urls)) {
      for (const url of all) {
        const [fault = '', ...more] = faultsOf({ ...PROCESSORS, [name]: url })
        t.match(fault, new RegExp(`^${name} has a (port|host|%00)[^.]*$`), url)
        t.same(more, [], url)
        t.notMatch(fault, url)
      }
    }
  },
)

const PROCESSORS = { PROCESSOR_DEFAULT_URL: 'http://a', PROCESSOR_FALLBACK_URL: 'http://b' }

t.test('a URL whose parts are all honoured is taken as it is', async (t) => {
  const urls: Readonly<Record<string, readonly string[]>> = {
    DATABASE_URL: [
      'postgres://pit:p%40ss@db:5432/pit?sslmode=verify-full&sslrootcert=/ca.pem',
      'postgres://pit@%2Fvar%2Frun%2Fmy%20sockets/pit?application_name=pit',
      'postgres://pit@/pit?host=/var/run/postgresql',
      'postgres://pit@/pit?host=%2Fvar%2Frun&port=5433',
      'postgres://b%C3%BCcher.example:65535/pit',
      'postgres://pit:50%off@[::1]/pit',
      'postgresql://pit@a:5432,b:5433/pit?target_session_attrs=read-write',
    ],
    REDIS_URL: [
      'redis://redis:6379/15',
      'rediss://me:p%40ss@redis',
      'redis://:secret@redis/0',
      'unix:///run/my%20redis.sock',
      'redis+sentinel://me:p%40ss@a:26379,b,[::1]:26379/pit/3',
      'redis+sentinel://a/pit',
      'redis+cluster://:secret@a:6379,b:6380/',
    ],
    OTEL_EXPORTER_OTLP_ENDPOINT: ['http://collector:4318/below'],
  }
  for (const [name, all] of Object.entries(urls))
    for (const url of all) t.same(faultsOf({ [name]: url }), [], url)
})

t.test('variables that do not go together are faults', async (t) => {
  const at = 'http://127.0.0.1:8001'
  t.match(faultsOf({ PORT: '1', LISTEN_SOCKET: '/a' }), [/both set/])
  t.match(faultsOf({ PROCESSOR_DEFAULT_URL: at }), [/go together/])
  t.match(faultsOf({ PROCESSOR_DEFAULT_URL: at, PROCESSOR_FALLBACK_URL: `${at}/` }), [/the same/])
  t.match(faultsOf({ PORT: '9998' }), [/OPS_PORT and PORT are the same/])
  t.match(faultsOf({ PORT: '8001' }), [/PORT and SIMULATOR_DEFAULT_PORT are the same/])
  const samePorts = { SIMULATOR_DEFAULT_PORT: '9', SIMULATOR_FALLBACK_PORT: '9' }
  t.match(faultsOf(samePorts), [/SIMULATOR_DEFAULT_PORT and SIMULATOR_FALLBACK_PORT are the same/])
  const elsewhere = { PROCESSOR_DEFAULT_URL: 'http://a', PROCESSOR_FALLBACK_URL: 'http://b' }
  t.same(faultsOf({ ...samePorts, ...elsewhere, PORT: '8001' }), [], 'there are no simulators')
  t.same(faultsOf({ SIMULATOR_DEFAULT_PORT: '0', SIMULATOR_FALLBACK_PORT: '0' }), [])
  t.match(faultsOf({ IN_DOUBT_HORIZON_MS: '8000' }), [/not longer than ATTEMPT_TIMEOUT_MS/])
  t.match(faultsOf({ LOOKUP_LAG_MS: '20001' }), [/LOOKUP_LAG_MS is longer/])
  t.match(faultsOf({ CONNECT_TIMEOUT_MS: '9000' }), [/CONNECT_TIMEOUT_MS/])
  t.match(faultsOf({ RETRY_DELAY_MS: '40000' }), [/RETRY_DELAY_MS/])
  t.match(faultsOf({ CIRCUIT_OPEN_MS: '6000' }), [/CIRCUIT_OPEN_MS/])
})

t.test('a lease too short for three renewals is a fault', async (t) => {
  t.match(faultsOf({ LEASE_TTL_MS: '999' }), [/LEASE_TTL_MS is out of range/])
  t.same(faultsOf({ LEASE_TTL_MS: '1000' }), [])
})

t.test('the look-ups’ lag is as long as the settle-by deadline unless it is set', async (t) => {
  t.equal(readConfig({}).lookupLagMs, 20_000)
  t.equal(readConfig({ IN_DOUBT_HORIZON_MS: '30000' }).lookupLagMs, 30_000)
  t.equal(readConfig({ LOOKUP_LAG_MS: '500' }).lookupLagMs, 500)
})

t.test(
  'which answers are late is left to the windows that are asked unless it is set',
  async (t) => {
    t.equal(readConfig({}).routeSlowMs, undefined)
    t.equal(readConfig({ ROUTE_SLOW_MS: '700' }).routeSlowMs, 700)
  },
)

t.test('a socket path longer than the system allows is a fault', async (t) => {
  t.match(faultsOf({ LISTEN_SOCKET: `/${'a'.repeat(107)}` }), [/LISTEN_SOCKET is not a path/])
})

t.test('the help names every variable with its default', async (t) => {
  for (const { name, shown } of Object.values(VARIABLES)) {
    t.match(helpText(), `${name}=${shown}`)
  }
})

t.test('a logged line names instance and subsystem and hides passwords', async (t) => {
  const lines: string[] = []
  const destination = { write: (line: string) => lines.push(line) }
  const logger = createLogger({ level: 'info', instanceId: 'pit-1', destination })
  const url = 'postgresql://pit:se@cret@db:5432/pit?password=secret&x=1'

  subsystemLogger(logger, 'ledger').warn({ url, err: new Error(`no route to ${url}`) }, `at ${url}`)
  logger.debug('not written')

  t.equal(lines.length, 1)
  const [line = ''] = lines
  t.notMatch(line, 'cret')
  t.match(JSON.parse(line), {
    level: 'warn',
    instance: 'pit-1',
    subsystem: 'ledger',
    time: /^\d{4}-\d\d-\d\dT.*Z$/,
    url: 'postgresql://pit:***@db:5432/pit?password=***&x=1',
  })
})

t.test('a URL without a password is logged as it is', async (t) => {
  const lines: string[] = []
  const destination = { write: (line: string) => lines.push(line) }
  const logger = createLogger({ level: 'info', instanceId: 'pit-1', destination })

  logger.info('calls http://127.0.0.1:8001/payments?user=a@b')

  t.match(lines[0], 'http://127.0.0.1:8001/payments?user=a@b')
})
