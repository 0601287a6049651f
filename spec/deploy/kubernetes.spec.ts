// The manifests of deploy/kubernetes, as kustomize would hand them on.

import { existsSync, readdirSync } from 'node:fs'
import { join, posix } from 'node:path'
import t from 'tap'
import { isLoopback } from '../../src/app/listening.ts'
import { MIGRATION_TIMEOUT_MS } from '../../src/infra/postgres/migration-sql.ts'
import { START_TIMEOUT_MS } from '../../src/infra/postgres/start.ts'
import { readKeys } from '../../src/infra/process/keys-file.ts'
import { PROJECT, readText } from '../support/sources.ts'
import {
  below,
  documentsOf,
  LAST_EXIT_MS,
  list,
  settingsOf,
  variablesOf,
  word,
  type Node,
} from './deployed.ts'
import { faultsOf, typeFaultsOf } from './kubernetes-schema.ts'

const FOLDER = 'deploy/kubernetes'

/** Connections of an instance besides DATABASE_POOL, and those that one takes more at its start. */
const DEDICATED = 4
const STARTING = 2

const [kustomization = {}] = documentsOf(readText(`${FOLDER}/kustomization.yaml`))
const resources = kustomization['resources'] as readonly string[]
const written = resources.flatMap((name) => documentsOf(readText(`${FOLDER}/${name}`)))
const settings = variablesOf(`${FOLDER}/pit.env`)

const [generatedSecret = {}] = list(kustomization['secretGenerator'])
const secretFiles = generatedSecret['files'] as readonly string[]
const secrets = Object.fromEntries(
  secretFiles.map((file) => [posix.basename(file), readText(`${FOLDER}/${file}.example`)]),
)
const generated: readonly Node[] = [
  { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'pit' }, data: settings },
  { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'pit' }, stringData: secrets },
]

const deployment = only('Deployment')
const pod = below(deployment, 'spec', 'template', 'spec')
const [container = {}] = list(pod['containers'])
const environment = {
  ...settings,
  ...Object.fromEntries(
    list(container['env']).map(({ name, value }) => [word(name), word(value ?? 'pit-7d4b9-x2x')]),
  ),
}
const { config, faults } = settingsOf(environment, secrets)

t.test('each manifest is one by the published schema', async (t) => {
  for (const manifest of [...written, ...generated]) {
    const { kind, metadata } = manifest
    t.same(faultsOf(manifest), [], `${word(kind)} ${word((metadata as Node)['name'])}`)
  }
  t.same(typeFaultsOf([...written, ...generated]), [], 'no field is unknown')
})

t.test('a value of the wrong kind, a missing and an unknown field are found', async (t) => {
  const spec = below(deployment, 'spec')
  const { selector: _, ...without } = spec
  const unknown = { ...deployment, spec: { ...spec, minReadySecond: 5 } }

  t.match(faultsOf({ ...deployment, spec: { ...spec, minReadySeconds: '5' } }), [/minReadySeconds/])
  t.match(faultsOf({ ...deployment, spec: without }), [/selector/])
  t.match(typeFaultsOf([unknown]), [/minReadySecond/])
  t.match(faultsOf({ apiVersion: 'apps/v2', kind: 'Deployment' }), [/apps\/v2/])
})

t.test('kustomize finds every file, and every manifest is one of its resources', async (t) => {
  const files = readdirSync(join(PROJECT, FOLDER)).filter((name) => name.endsWith('.yaml'))
  const [{ envs = [] } = {}] = list(kustomization['configMapGenerator'])

  t.same([...resources, 'kustomization.yaml'].toSorted(), files.toSorted())
  for (const name of envs as readonly string[]) t.ok(existsSync(join(PROJECT, FOLDER, name)), name)
  t.same(
    secretFiles.filter((file) => existsSync(join(PROJECT, FOLDER, `${file}.example`))),
    secretFiles,
  )
  for (const [name, text] of Object.entries(secrets)) t.match(text, 'EXAMPLE', `${name} is marked`)
  t.equal(list(kustomization['images'])[0]?.['name'], container['image'])
})

t.test('each variable of a Pod is a setting of Pit, with a value that it takes', async (t) => {
  t.same(faults, [])
  t.match(config, { allowPurge: false, loseAcceptedPaymentsOnCrash: false })
  t.equal(config?.databaseUrl, secrets['database-url']?.trim())
  t.equal(config?.processorToken, secrets['processor-token']?.trim())
  t.same(container['envFrom'], [{ configMapRef: { name: 'pit' } }])
  t.equal(list(kustomization['configMapGenerator'])[0]?.['name'], 'pit')
  t.equal(generatedSecret['name'], 'pit')
})

t.test('secrets reach a Pod as files alone, where its variables look for them', async (t) => {
  const [mount = {}] = list(container['volumeMounts'])
  const [volume = {}] = list(pod['volumes'])
  const paths = Object.entries(environment).filter(([name]) => name.endsWith('_FILE'))

  t.match(mount, { name: volume['name'], readOnly: true })
  t.equal(below(volume, 'secret')['secretName'], 'pit')
  t.same(
    paths.map(([, path]) => path).toSorted(),
    Object.keys(secrets)
      .map((name) => posix.join(word(mount['mountPath']), name))
      .toSorted(),
  )
})

t.test('operators can give orders by a key, and nobody by what the example has', async (t) => {
  t.notOk(isLoopback(config?.opsHost ?? ''))
  t.match(config?.keysFile, /\/keys$/)
  t.same(readKeys(secrets['keys'] ?? ''), { lines: [] })
})

t.test('each instance is named after its Pod', async (t) => {
  const field = { name: 'INSTANCE_ID', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }

  t.match(
    list(container['env']).filter(({ name }) => name === 'INSTANCE_ID'),
    [field],
  )
})

t.test('the network lets through the ports that Pit uses, and no others', async (t) => {
  const policy = below(only('NetworkPolicy'), 'spec')
  const portsOf = (rules: unknown) =>
    list(rules)
      .flatMap(({ ports }) => list(ports))
      .map(({ protocol, port }) => `${word(protocol)} ${word(port)}`)
      .toSorted()
  const called = [
    config?.databaseUrl,
    config?.redisUrl,
    config?.processorDefaultUrl,
    config?.processorFallbackUrl,
    config?.otelExporterOtlpEndpoint,
  ].flatMap((url) => (url === undefined ? [] : [`TCP ${portOf(url)}`]))

  t.same(policy['policyTypes'], ['Ingress', 'Egress'])
  t.same(portsOf(policy['ingress']), [`TCP ${settings['OPS_PORT']}`, `TCP ${settings['PORT']}`])
  t.same(portsOf(policy['egress']), [...new Set([...called, 'TCP 53', 'UDP 53'])].toSorted())
  for (const { from } of list(policy['ingress'])) t.equal(list(from).length, 1, 'not from anywhere')
})

t.test('Services, probes, budget and autoscaler lead to what the Deployment makes', async (t) => {
  const labels = below(deployment, 'spec', 'template', 'metadata', 'labels')
  const ports = new Map(list(container['ports']).map((each) => [each['name'], each]))
  const selectors = [
    below(deployment, 'spec', 'selector', 'matchLabels'),
    below(only('PodDisruptionBudget'), 'spec', 'selector', 'matchLabels'),
    below(only('NetworkPolicy'), 'spec', 'podSelector', 'matchLabels'),
    ...all('Service').map((service) => below(service, 'spec', 'selector')),
    ...list(pod['topologySpreadConstraints']).map((each) =>
      below(each, 'labelSelector', 'matchLabels'),
    ),
  ]
  const clients = { containerPort: Number(settings['PORT']) }
  const operators = { containerPort: Number(settings['OPS_PORT']) }

  for (const selector of selectors) t.same(selector, labels)
  t.match(ports.get('clients'), clients)
  t.match(ports.get('operators'), operators)
  for (const service of all('Service')) {
    for (const { port, targetPort } of list(below(service, 'spec')['ports'])) {
      t.match(ports.get(targetPort), { containerPort: port as number })
    }
  }
  for (const [probe, path] of [
    ['startupProbe', '/healthz'],
    ['livenessProbe', '/healthz'],
    ['readinessProbe', '/readyz'],
  ] as const) {
    t.match(container[probe], { httpGet: { path, port: 'operators' } })
  }
  t.match(below(only('HorizontalPodAutoscaler'), 'spec')['scaleTargetRef'], {
    apiVersion: deployment['apiVersion'],
    kind: 'Deployment',
    name: (deployment['metadata'] as Node)['name'],
  })
})

t.test(
  'a Pod that stops takes no connection that it would lose, and has time to drain',
  async (t) => {
    const [, seconds] = below(container, 'lifecycle', 'preStop', 'exec')['command'] as string[]
    const graceMs = Number(pod['terminationGracePeriodSeconds']) * 1000
    const deadlineMs = config?.shutdownDeadlineMs ?? Infinity

    t.ok(Number(seconds) >= 5)
    t.ok(graceMs > Number(seconds) * 1000 + deadlineMs + LAST_EXIT_MS, `${graceMs} ms`)
  },
)

t.test('a start may take as long as Pit waits for PostgreSQL, tables and a lease', async (t) => {
  const { periodSeconds, failureThreshold } = below(container, 'startupProbe')
  const ownMs = START_TIMEOUT_MS + MIGRATION_TIMEOUT_MS + START_TIMEOUT_MS

  t.ok(Number(periodSeconds) * Number(failureThreshold) > ownMs / 1000)
})

t.test('a node can be drained, and an apply leaves the number of instances alone', async (t) => {
  const budget = below(only('PodDisruptionBudget'), 'spec')
  const scale = below(only('HorizontalPodAutoscaler'), 'spec')

  t.match(budget, { maxUnavailable: 1, unhealthyPodEvictionPolicy: 'AlwaysAllow' })
  t.notOk('minAvailable' in budget, 'a single instance could never be evicted')
  t.ok(Number(scale['minReplicas']) >= 2)
  t.notOk('replicas' in below(deployment, 'spec'))
})

t.test('as many instances as the autoscaler starts find connections in PostgreSQL', async (t) => {
  const { maxReplicas } = below(only('HorizontalPodAutoscaler'), 'spec')
  const { maxSurge } = below(deployment, 'spec', 'strategy', 'rollingUpdate')
  const instances = Number(maxReplicas) + Number(maxSurge)
  const conf = readText('compose/production.postgresql.conf')
  const [, max] = /^max_connections = (\d+)$/m.exec(conf) ?? []

  t.ok(instances * (DEDICATED + (config?.databasePool ?? Infinity)) + STARTING < Number(max))
})

t.test('a Pod is what the restricted profile of Kubernetes asks for', async (t) => {
  t.match(pod, {
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
  })
  t.match(container['securityContext'], {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  })
  t.match(readText('compose/Dockerfile'), /^USER 1000:1000$/m, 'the user of the image')
  t.match(below(pod, 'securityContext'), { runAsUser: 1000, fsGroup: 1000 })
})

function all(kind: string): readonly Node[] {
  return written.filter((manifest) => manifest['kind'] === kind)
}

function only(kind: string): Node {
  const [first, ...more] = all(kind)
  if (first === undefined || more.length > 0) throw new Error(`not one ${kind}`)
  return first
}

function portOf(url: string): string {
  const { port, protocol } = new URL(url)
  if (port !== '') return port
  return protocol === 'https:' ? '443' : '80'
}
