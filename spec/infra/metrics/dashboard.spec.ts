// The Grafana dashboard and what brings it there, against real metrics: neither Prometheus nor
// Grafana is needed to see that what they ask for exists.

import t from 'tap'
import { createMetrics } from '../../../src/infra/metrics/metrics.ts'
import { readText } from '../../support/sources.ts'

interface Place {
  readonly x: number
  readonly y: number
  readonly w: number
  readonly h: number
}

interface Source {
  readonly type: string
  readonly uid: string
}

interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly gridPos: Place
  readonly datasource?: Source
  readonly targets?: readonly {
    readonly refId: string
    readonly expr: string
    readonly legendFormat?: string
    readonly datasource: Source
  }[]
}

interface Dashboard {
  readonly uid: string
  readonly schemaVersion: number
  readonly refresh: string
  readonly templating: { readonly list: readonly { name: string; type: string; query: unknown }[] }
  readonly panels: readonly Panel[]
}

const dashboard = JSON.parse(readText('compose/grafana/pit.json')) as Dashboard
const targets = dashboard.panels.flatMap(({ targets: own }) => own ?? [])

/** Every label of every metric, by the names that queries use, after one fact of each kind. */
async function scraped(): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const fees = { default: 0.05, fallback: 0.15 }
  const metrics = createMetrics({ instanceId: 'spec', version: '1.2.3', fees })
  metrics.telemetry.emit({
    type: 'child.restarted',
    child: 'probing',
    cause: 'spec',
    error: 'spec',
  })
  for (const processor of ['default', 'fallback'] as const) {
    metrics.telemetry.emit({ type: 'health.probed', processor, failing: false, minResponseMs: 1 })
  }
  const { body } = await metrics.scrape({
    isReady: () => true,
    holdsLease: () => true,
    edge: () => ({ refused: 0, inFlight: 0 }),
    countOpen: () => Promise.resolve({ parked: 1, owned: 1, oldestMs: 19_500 }),
    redisFailures: () => new Map([['readonly', 1]]),
    consoleBugs: () => 1,
  })
  const labels = new Map<string, Set<string>>()
  for (const [, name = '', pairs = ''] of body.matchAll(/^([a-z]\w*)(?:\{(.*)\})? /gm)) {
    // The scraper itself adds these two.
    const known = labels.get(name) ?? new Set(['instance', 'job'])
    for (const [, label = ''] of pairs.matchAll(/(\w+)="/g)) known.add(label)
    labels.set(name, known)
  }
  return labels
}

t.test('each metric and label that the dashboard queries exists', async (t) => {
  const labels = await scraped()

  t.ok(targets.length > 30)
  for (const { expr } of targets) {
    const asked = [...expr.matchAll(/\b((?:pit|nodejs|process)_\w+)(?:\{([^}]*)\})?/g)]
    t.ok(asked.length > 0, expr)
    const all = new Set(asked.flatMap(([, name = '']) => [...(labels.get(name) ?? [])]))
    for (const [, name = '', matchers = ''] of asked) {
      t.ok(labels.has(name), `${name} exists`)
      for (const [, label = ''] of matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)) {
        t.ok(labels.get(name)?.has(label), `${name} has the label ${label}`)
      }
    }
    for (const [, list = ''] of expr.matchAll(/\b(?:by|on|without)\s*\(([^)]*)\)/g)) {
      for (const label of list.split(/\s*,\s*/)) t.ok(all.has(label), `${label} in ${expr}`)
    }
  }
})

t.test('each label value that the dashboard and the documents select is exported', async (t) => {
  const told = new Map<string, Set<string>>()
  const fees = { default: 0.05, fallback: 0.15 }
  const { body } = await createMetrics({ instanceId: 'spec', version: '1', fees }).scrape({
    isReady: () => true,
    holdsLease: () => true,
    edge: () => ({ refused: 0, inFlight: 0 }),
    countOpen: () => Promise.resolve({ parked: 1, owned: 1, oldestMs: 19_500 }),
    redisFailures: () => new Map([['readonly', 1]]),
    consoleBugs: () => 1,
  })
  for (const [, name = '', pairs = ''] of body.matchAll(/^([a-z]\w*)\{(.*)\} /gm)) {
    for (const [, label = '', value = ''] of pairs.matchAll(/(\w+)="([^"]*)"/g)) {
      const key = `${name} ${label}`
      told.set(key, (told.get(key) ?? new Set()).add(value))
    }
  }
  const texts = [...targets.map(({ expr }) => expr), readText('docs/METRICS.md')]

  for (const [, name = '', matchers = ''] of texts.join('\n').matchAll(/(pit_\w+)\{([^}]*)\}/g)) {
    for (const [, label = '', value = ''] of matchers.matchAll(/(\w+)\s*!?="([^"]*)"/g)) {
      t.ok(told.get(`${name} ${label}`)?.has(value), `${name}{${label}="${value}"}`)
    }
  }
})

t.test('each legend uses labels that its query keeps', async (t) => {
  for (const { expr, legendFormat = '' } of targets) {
    for (const [, label = ''] of legendFormat.matchAll(/\{\{\s*(\w+)\s*\}\}/g)) {
      const kept = expr.includes(' by ') ? new RegExp(`by \\([^)]*\\b${label}\\b`) : /\binstance\b/
      t.match(expr, kept, `${legendFormat} of ${expr}`)
    }
  }
})

/** What comes with every Grafana of the version in docker-compose.yml. */
const PANELS = ['row', 'stat', 'timeseries', 'state-timeline']

t.test('each panel is of a type that Grafana includes, and none overlaps another', async (t) => {
  const { panels } = dashboard
  t.match(dashboard, { uid: /^\w+$/, schemaVersion: Number, refresh: /^\d+s$/ })
  t.equal(new Set(panels.map(({ id }) => id)).size, panels.length, 'ids are unique')
  for (const { type, title, gridPos, targets: own = [] } of panels) {
    t.ok(PANELS.includes(type), `${title} is a ${type}`)
    const { x, y, w, h } = gridPos
    t.ok([x, y, w, h].every(Number.isInteger) && x >= 0 && y >= 0 && x + w <= 24 && h > 0, title)
    t.equal(own.length === 0, type === 'row', `${title} asks for something unless it is a row`)
    t.equal(new Set(own.map(({ refId }) => refId)).size, own.length, `${title}: refIds`)
  }
  const pairs = panels.flatMap((one, index) =>
    panels.slice(index + 1).map((other) => [one, other] as const),
  )
  t.same(
    pairs
      .filter(([one, other]) => overlap(one.gridPos, other.gridPos))
      .map(([one, other]) => `${one.title} and ${other.title}`),
    [],
  )
})

function overlap(one: Place, other: Place): boolean {
  return (
    one.x < other.x + other.w &&
    other.x < one.x + one.w &&
    one.y < other.y + other.h &&
    other.y < one.y + one.h
  )
}

t.test('each panel says what it shows', async (t) => {
  for (const { type, title, description = '' } of dashboard.panels) {
    if (type !== 'row') t.match(description, /\w.*\.$/, title)
  }
})

t.test('the dashboard finds the data source that is provisioned', async (t) => {
  const provisioned = readText('compose/grafana/prometheus.yml')
  const compose = readText('docker-compose.yml')
  const variable = dashboard.templating.list.find(({ name }) => name === 'datasource')
  const asked = [...dashboard.panels, ...targets].flatMap(({ datasource }) => datasource ?? [])

  t.match(variable, { type: 'datasource', query: 'prometheus' })
  t.ok(asked.length > targets.length)
  t.same(
    asked.filter(({ type, uid }) => type !== 'prometheus' || uid !== '${datasource}'),
    [],
    'all go by the variable, which takes the one that there is',
  )
  t.match(provisioned, /^ {4}type: prometheus$/m)
  t.match(provisioned, /^ {4}uid: prometheus$/m)
  t.match(provisioned, /^ {4}isDefault: true$/m)
  t.match(provisioned, /^ {4}url: http:\/\/prometheus:9090$/m, 'the service of the compose file')
  t.match(compose, /^ {2}prometheus:\n(?: {4}.*\n)* {4}profiles: \['observability'\]$/m)
  t.match(compose, /^ {2}grafana:\n(?: {4}.*\n)* {4}profiles: \['observability'\]$/m)
  for (const [, file = '', place = ''] of compose.matchAll(/- \.\/(compose\/\S+?):(\S+?):ro/g)) {
    t.ok(readText(file).length > 0, `${file} is there for ${place}`)
  }
})

t.test('Prometheus scrapes each instance by the name that only operators have', async (t) => {
  const compose = readText('docker-compose.yml')
  const [, list = ''] = /targets: \[(.*)\]/.exec(readText('compose/prometheus.yml')) ?? []
  const hosts = [...list.matchAll(/'([\w-]+):9998'/g)].map(([, host]) => host)

  t.same(
    hosts,
    [...compose.matchAll(/^ {6}OPS_HOST: (\S+)$/gm)].map(([, host]) => host),
  )
})
