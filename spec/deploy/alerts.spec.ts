// The rules of compose/alerts.yml, with Prometheus' own tool and against what Pit exports, docs/RUNBOOK.md
// and the faults of a chaos run.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { createMetrics } from '../../src/infra/metrics/metrics.ts'
import { FAULT_NAMES } from '../chaos/fault-kinds.ts'
import { missing } from '../support/requirements.ts'
import { PROJECT, readText } from '../support/sources.ts'
import { below, documentsOf, list, word } from './deployed.ts'

const RULES = 'compose/alerts.yml'
const TESTS = ['spec/deploy/alerts.test.yml', 'spec/deploy/alerts-slow.test.yml']
const [rulesFile = {}] = documentsOf(readText(RULES))
const rules = list(rulesFile['groups']).flatMap(({ rules: own }) => list(own))
const alerts = rules.filter((rule) => 'alert' in rule)
const names = alerts.map(({ alert }) => word(alert))
const runbook = readText('docs/RUNBOOK.md')

const skip = spawnSync('promtool', ['--version']).status === 0 ? false : missing('no promtool')

t.test('Prometheus takes its settings and the rules that they name', { skip }, async (t) => {
  t.match(await promtool(['check', 'config', 'compose/prometheus.yml']), { code: 0 })
  t.match(await promtool(['check', 'rules', RULES]), { code: 0 })
  t.match(await promtool(['check', 'rules', 'compose/schema.sql']), { code: 1 }, 'it does judge')
})

t.test('each alert fires in its case and none before it', { skip }, async (t) => {
  for (const path of TESTS) {
    const { code, text } = await promtool(['test', 'rules', path])
    t.equal(code, 0, `${path} ${text}`)
  }
})

t.test('each alert has a case that fires it, and each case a calm time', async (t) => {
  const cases = TESTS.flatMap((path) => list(documentsOf(readText(path))[0]?.['tests']))
  const expected = cases.map((each) => list(each['promql_expr_test']))
  const fired = JSON.stringify(expected).match(/Pit\w+/g) ?? []

  t.same([...new Set(fired)].toSorted(), names.toSorted())
  for (const [index, checks] of expected.entries()) {
    const name = word(cases[index]?.['name'])
    t.ok(
      checks.some((check) => list(check['exp_samples']).length === 0),
      `${name} is calm first`,
    )
  }
})

t.test('each alert says what it is, for whom, and where to read on', async (t) => {
  for (const rule of alerts) {
    const name = word(rule['alert'])
    const annotations = below(rule, 'annotations')
    t.match(below(rule, 'labels')['severity'], /^(page|ticket)$/, name)
    t.match(annotations['summary'], /\w/, name)
    t.match(annotations['description'], /\$value|\b\d+ m?s\b/, `${name} has a value with its unit`)
    t.equal(annotations['runbook_url'], `docs/RUNBOOK.md#${name.toLowerCase()}`)
  }
})

t.test('the runbook has a section for each alert and for nothing else', async (t) => {
  const sections = [...runbook.matchAll(/^### (\S+)$/gm)].map(([, name]) => name)

  t.same(sections.toSorted(), names.toSorted())
  for (const section of runbook.split(/^### /m).slice(1)) {
    const [name = ''] = section.split('\n')
    for (const part of ['**Look:**', '**Do:**', '**Do not:**']) {
      t.ok(section.includes(part), `${name} has ${part}`)
    }
  }
})

t.test('each metric and label value of a rule and of the runbook is exported', async (t) => {
  const exported = await scraped()
  const recorded = rules.flatMap(({ record }) => (record === undefined ? [] : [word(record)]))
  const texts = [...rules.map(({ expr }) => word(expr)), runbook].join('\n')
  const asked = texts.matchAll(/\b(?:pit:\w+:\w+|pit_\w+)(?:\{([^}]*)\})?/g)

  let count = 0
  for (const [text, matchers = ''] of asked) {
    const [name = ''] = text.split('{')
    count += 1
    if (name.startsWith('pit:')) t.ok(recorded.includes(name), `${name} is recorded`)
    else t.ok(exported.has(name), `${name} is exported`)
    for (const [, label = '', pattern = ''] of matchers.matchAll(/(\w+)=~?"([^"]*)"/g)) {
      if (label === 'slo') continue
      for (const value of pattern.includes('?') ? [] : pattern.split('|')) {
        const values = exported.get(name)?.get(label) ?? new Set()
        t.ok(values.has(value), `${name}{${label}="${value}"}`)
      }
    }
  }
  t.ok(count > 50)
})

t.test('each fault of a chaos run has its alert, or none by design and why', async (t) => {
  const [, table = ''] = runbook.split('## Faults and their alerts')
  const rows = table.split('\n').filter((line) => line.startsWith('| `'))
  const told = rows.flatMap((row) => {
    const [, faults = '', answer = ''] = row.split('|')
    const known = [...answer.matchAll(/\bPit\w+/g)].map(([name]) => name)
    t.ok(known.length > 0 || /none, by design: \w/.test(answer), row)
    for (const name of known) t.ok(names.includes(name), name)
    return [...faults.matchAll(/`([\w-]+)`/g)].map(([, fault]) => fault)
  })

  t.same(told.toSorted(), FAULT_NAMES.toSorted())
})

t.test('each compose file that starts Prometheus gives it the rules', async (t) => {
  const [compose = {}] = documentsOf(readText('docker-compose.yml'))
  const volumes = below(compose, 'services', 'prometheus')['volumes'] as readonly string[]
  const [production = {}] = documentsOf(readText('compose/production.compose.yml'))

  t.ok(volumes.includes('./compose/alerts.yml:/etc/prometheus/alerts.yml:ro'))
  t.match(below(production, 'services', 'prometheus', 'extends'), { service: 'prometheus' })
})

/** Values of each label of each metric of Pit. */
async function scraped(): Promise<ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<string>>>> {
  const fees = { default: 0.05, fallback: 0.15 }
  const metrics = createMetrics({ instanceId: 'spec', version: '1', fees })
  metrics.telemetry.emit({ type: 'child.restarted', child: 'probing', cause: 'x', error: 'x' })
  const probed = { failing: false, minResponseMs: 1 }
  metrics.telemetry.emit({ type: 'health.probed', processor: 'default', ...probed })
  const { body } = await metrics.scrape({
    isReady: () => true,
    holdsLease: () => true,
    edge: () => ({ refused: 0, inFlight: 0 }),
    countOpen: () => Promise.resolve({ parked: 1, owned: 1, oldestMs: 1 }),
    redisFailures: () => new Map([['unavailable', 1]]),
    consoleBugs: () => 1,
  })
  const found = new Map<string, Map<string, Set<string>>>()
  for (const [, name = '', pairs = ''] of body.matchAll(/^(pit_\w+)(?:\{(.*)\})? /gm)) {
    const labels = found.get(name) ?? new Map<string, Set<string>>()
    found.set(name, labels)
    for (const [, label = '', value = ''] of pairs.matchAll(/(\w+)="([^"]*)"/g)) {
      labels.set(label, (labels.get(label) ?? new Set()).add(value))
    }
  }
  return found
}

/** Its exit code with all that it wrote; it runs in the project's folder. */
async function promtool(args: readonly string[]): Promise<{ code: unknown; text: string }> {
  const child = spawn('promtool', args, { cwd: PROJECT, timeout: 300_000 })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (text += part))
  const [code] = (await once(child, 'close')) as [unknown]
  return { code, text }
}
