import t from 'tap'
import { ConfigError, readConfig } from '../../src/config/config.ts'
import { describeMistyped, nearWord } from '../../src/config/near-names.ts'
import { argumentFault, helpText } from '../../src/config/text.ts'
import { VARIABLES } from '../../src/config/variables.ts'

/** The settings that these names of the environment are taken for, in turn. */
function takenFor(...names: readonly string[]): readonly (readonly [string, string])[] {
  const environment = Object.fromEntries(names.map((name) => [name, '1']))
  return readConfig(environment).mistyped.map(({ name, setting }) => [name, setting])
}

t.test('a mistyped setting is named with the one that it was meant for', async (t) => {
  for (const [name, setting] of [
    ['ATTEMPT_TIMOUT_MS', 'ATTEMPT_TIMEOUT_MS'],
    ['PROCESSOR_DEFAULT_ULR', 'PROCESSOR_DEFAULT_URL'],
    ['DATABASE_URI', 'DATABASE_URL'],
    ['REDIS_URI', 'REDIS_URL'],
    ['PROT', 'PORT'],
    ['OPS_PROT', 'OPS_PORT'],
    ['DATADIR', 'DATA_DIR'],
    ['DATA-DIR', 'DATA_DIR'],
    ['log_level', 'LOG_LEVEL'],
    ['INSTANCEID', 'INSTANCE_ID'],
    ['ATTEMPT_TIMEOUT', 'ATTEMPT_TIMEOUT_MS'],
    ['ATTEMPT_TIMEOUT_SECONDS', 'ATTEMPT_TIMEOUT_MS'],
    ['RETRY_DELAY_MAX', 'RETRY_DELAY_MAX_MS'],
    ['PROCESSOR_FALLBACK_URI', 'PROCESSOR_FALLBACK_URL'],
  ] as const) {
    t.same(takenFor(name), [[name, setting]])
  }
  t.equal(
    describeMistyped({ name: 'PROT', setting: 'PORT' }),
    'PROT is no setting of Pit and is not read; PORT is one',
  )
})

t.test('names of other software are left alone', async (t) => {
  const names = `PATH HOME HOST HOSTNAME USER SHELL TERM PWD LANG LC_ALL TZ EDITOR POST SORT PORTS
    PGHOST PGPORT PGDATA PGDATABASE PGUSER PGPASSWORD NODE_ENV NODE_OPTIONS NODE_EXTRA_CA_CERTS
    npm_config_cache npm_package_version npm_lifecycle_event HTTP_PROXY https_proxy NO_PROXY
    REDIS_HOST REDIS_PORT REDIS_PASSWORD REDIS_TLS_URL DATABASE_HOST DATABASE_PORT DATABASE_USER
    DATABASE_NAME POSTGRES_PASSWORD APP_PORT API_PORT DB_PORT LISTEN_FDS LISTEN_PID
    OTEL_EXPORTER_OTLP_HEADERS OTEL_EXPORTER_OTLP_PROTOCOL OTEL_SERVICE_NAME
    PROCESSOR_DEFAULT_FILE REDIS_KEY_FILE
    PIT_PORT PIT_SERVICE_HOST PIT_SERVICE_PORT PROCESSOR_ARCHITECTURE PROCESSOR_IDENTIFIER
    INSTANCE_TYPE INVOCATION_ID LOG_FORMAT CI`.split(/\s+/)

  t.same(takenFor(...names), [])
  t.same(takenFor('A'.repeat(100_000)), [], 'however long they are')
})

t.test('a name that is close to a setting is left alone where that one is set', async (t) => {
  t.same(readConfig({ REDIS_URI: 'x', REDIS_URL: 'redis://redis' }).mistyped, [])
  t.same(readConfig({ REDIS_URI: 'x', REDIS_URL: '' }).mistyped.length, 1)
})

t.test('no setting is taken for another one', async (t) => {
  for (const { name, shown } of Object.values(VARIABLES)) {
    const read = (): readonly unknown[] => readConfig({ [name]: shown }).mistyped
    try {
      t.same(read(), [], name)
    } catch (error) {
      t.match(error, { mistyped: [] }, name)
    }
  }
})

t.test('where settings are at fault, a mistyped one is told with them', async (t) => {
  const environment = { PROCESSOR_DEFAULT_ULR: 'http://a', PROCESSOR_FALLBACK_URL: 'http://b' }

  try {
    readConfig(environment)
    t.fail('it is a fault')
  } catch (error) {
    t.ok(error instanceof ConfigError)
    t.match(error, { faults: [/go together/], message: '  PROCESSOR_DEFAULT_ULR is no setting' })
  }
})

t.test('a word is taken for the nearest of those that are at most two slips away', async (t) => {
  const words = ['start', 'status', 'tail', 'pay', 'show']

  t.equal(nearWord('sattus', words), 'status')
  t.equal(nearWord('stat', words), 'start')
  t.equal(nearWord('pya', words), 'pay')
  t.equal(nearWord('tial', words), 'tail')
  t.equal(nearWord('purge', words), undefined)
  t.equal(nearWord('', words), undefined)
})

t.test('an argument that is none is answered with what may have been meant', async (t) => {
  t.match(argumentFault('--hlep'), 'unknown argument --hlep; did you mean --help?')
  t.match(argumentFault('--port=1'), /^unknown argument --port; .*: PORT=… pit start$/)
  t.match(argumentFault('PORT=1'), /^unknown argument PORT; .*: PORT=… pit start$/)
  t.match(argumentFault('--data-dir'), 'DATA_DIR=… pit start')
  t.match(argumentFault('9999'), 'unknown argument 9999; configure it by environment')
  t.notMatch(argumentFault('DATABASE_URL=postgres://pit:secret@db/pit'), 'secret')
})

t.test('the help of a start fits a terminal of 80 columns', async (t) => {
  const long = helpText()
    .split('\n')
    .filter((line) => line.length > 80)

  t.same(long, [])
})
