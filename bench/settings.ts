// npm run bench:settings: one setting at a time against what Pit and PostgreSQL are set to.

import type { LayoutOptions } from './layout/plan.ts'
import { measureAccepting, openPit } from './measure/accepting.ts'
import { runBench } from './measure/command.ts'
import { text, whole } from './measure/flags.ts'
import { sharesFor } from './measure/world.ts'

/** Settings of PostgreSQL where they are written small, else of Pit's environment. */
const TRIED = [
  'shared_buffers=8MB',
  'shared_buffers=64MB',
  'wal_compression=off',
  'wal_buffers=256kB',
  'wal_sync_method=open_datasync',
  'commit_delay=200',
  'ACCEPT_WINDOW_MS=1',
  'FLUSH_WINDOW_MS=50',
  'FLUSH_WINDOW_MS=100',
  'DATABASE_POOL=8',
]

await runBench({
  name: 'settings',
  purpose:
    'The load of bench:accept on one Pit in the shares of docker-compose.yml, as everything is set and\n' +
    'with one setting changed: names in small letters are PostgreSQL’s, the others are Pit’s\n' +
    'environment. As it is comes first and last, which shows what the machine itself does meanwhile.',
  runs: 3,
  flags: {
    settings: text('A=1,B=2', 'what is tried, each by itself (a list of ten)'),
    seconds: whole({ fallback: 20, min: 1, max: 3600, meaning: 'length of a load, s' }),
    warmupSeconds: whole({ fallback: 10, min: 0, max: 600, meaning: 'load before it, s' }),
    perSecond: whole({ fallback: 500, min: 1, max: 20_000, meaning: 'payments/s' }),
  },
  variants: ({ settings, ...load }) => {
    const tried = settings === '' ? TRIED : settings.split(',')
    return [
      { name: 'as it is', measure: () => measure({}, load) },
      ...tried.map((each) => ({ name: each, measure: () => measure(changing(each), load) })),
      { name: 'as it is, again', measure: () => measure({}, load) },
    ]
  },
})

function measure(
  changed: Pick<LayoutOptions, 'env' | 'postgresSettings'>,
  load: { readonly seconds: number; readonly warmupSeconds: number; readonly perSecond: number },
): ReturnType<typeof measureAccepting> {
  const shares = sharesFor('compose')
  return measureAccepting(() => openPit(shares, changed), { ...load, connections: 1 })
}

function changing(setting: string): Pick<LayoutOptions, 'env' | 'postgresSettings'> {
  const [name = '', value] = setting.split('=')
  if (value === undefined) throw new Error(`bench: ${setting} is not of the form NAME=VALUE`)
  const changed = { [name]: value }
  return name === name.toLowerCase() ? { postgresSettings: changed } : { env: changed }
}
