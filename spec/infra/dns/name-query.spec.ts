import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { waitUntil } from '../../../bench/layout/wait.ts'
import { queryName, type NameSources } from '../../../src/infra/dns/name-query.ts'
import { startNameServer, type NameServer, type Zone } from '../../support/name-server.ts'

t.test('a name in the hosts file has the addresses of all its lines', async (t) => {
  const { find, server } = await world(t, {
    hosts: ['# first', '10.0.0.1 one ONE.test # and so on', '10.0.0.2 one', 'x one', '::1 two'],
  })

  t.same(await find('one'), ['10.0.0.1', '10.0.0.2'])
  t.same(await find('One.Test'), ['10.0.0.1'])
  t.same(await find('two'), ['::1'])
  t.same(server.asked, [], 'and DNS is not asked')
})

t.test('localhost is this machine, whatever DNS says', async (t) => {
  const { find, server } = await world(t, { zone: { localhost: ['10.0.0.1'] } })

  t.same(await find('localhost'), ['127.0.0.1', '::1'])
  t.same(await find('db.localhost'), ['127.0.0.1', '::1'])
  t.same(server.asked, [])

  const named = await world(t, { zone: { 'localhost.test': ['10.0.0.1'] } })
  t.same(await named.find('localhost.test'), ['10.0.0.1'], 'a name that only begins so is not')
})

t.test('a name has the addresses of both families', async (t) => {
  const { find } = await world(t, { zone: { 'db.test': ['10.0.0.1', '::2', '10.0.0.3'] } })

  t.same(await find('db.test'), ['10.0.0.1', '10.0.0.3', '::2'])
})

t.test('a short name is looked for in the search list, a dotted one as it is', async (t) => {
  const zone: Zone = {
    'db.second.test': ['10.0.0.2'],
    db: ['10.0.0.9'],
    'db.test': ['10.0.0.3'],
    'db.test.first.test': ['10.0.0.9'],
    'far.test.second.test': ['10.0.0.4'],
  }
  const search = await world(t, { zone, resolv: ['search first.test second.test.'] })
  t.same(await search.find('db'), ['10.0.0.2'])
  t.same(await search.find('db.test'), ['10.0.0.3'])
  t.same(await search.find('far.test'), ['10.0.0.4'])
  t.same(await search.find('db.'), ['10.0.0.9'], 'a dot at the end rules the list out')

  await t.rejects(search.find('absent.'), { code: 'ENOTFOUND' })

  const manyDots = ['  search first.test # ours', 'options rotate ndots:5']
  t.same(await (await world(t, { zone, resolv: manyDots })).find('db.test'), ['10.0.0.9'])
  for (const options of ['options ndots:1', 'options rotate']) {
    const fewDots = await world(t, { zone, resolv: ['domain first.test', options] })
    t.same(await fewDots.find('db.test'), ['10.0.0.3'], options)
  }
  const domain = await world(t, { zone, resolv: ['domain second.test', 'options timeout:1'] })
  t.same(await domain.find('db'), ['10.0.0.2'])
})

t.test('why there is no address is said', async (t) => {
  const { find } = await world(t, { zone: { 'broken.test': 'failing', 'empty.test': [] } })

  await t.rejects(find('absent.test'), { code: 'ENOTFOUND', message: /absent\.test/ })
  await t.rejects(find('empty.test'), { code: 'ENOTFOUND' })
  await t.rejects(find('broken.test'), { code: 'ESERVFAIL' })

  const both = await world(t, {
    zone: { 'db.broken.test': 'failing' },
    resolv: ['search broken.test second.test'],
  })
  await t.rejects(
    both.find('db'),
    { code: 'ESERVFAIL' },
    'it says more than that others are absent',
  )
})

t.test('a query that nobody answers ends by itself', async (t) => {
  const { find } = await world(t, { zone: { 'hangs.test': 'silent' } })

  await t.rejects(find('hangs.test'), { code: 'ETIMEOUT' })
})

t.test('a question whose datagram is lost is asked again', async (t) => {
  const { find, server } = await world(t, { zone: { 'db.test': 'silent' } })
  const found = find('db.test')
  await waitUntil({ what: 'both families are asked for' }, () => server.asked.length === 2)

  server.zone['db.test'] = ['10.0.0.1']

  t.same(await found, ['10.0.0.1'])
})

t.test('a query has one bound, however long the search list is', async (t) => {
  const zone: Zone = { 'hangs.first.test': 'silent', 'hangs.second.test': 'silent' }
  const { find, server } = await world(t, { zone, resolv: ['search first.test second.test'] })

  await t.rejects(find('hangs'), { code: 'ETIMEOUT' })

  t.notOk(server.asked.some((name) => name.includes('second')))
})

t.test('a query that is cancelled ends at once', async (t) => {
  const { places } = await world(t, { zone: { 'hangs.test': 'silent' } })
  const { addresses, cancel } = queryName('hangs.test', places)

  cancel()

  await t.rejects(addresses, { code: 'ECANCELLED' })
})

interface World {
  readonly server: NameServer
  readonly places: NameSources
  readonly find: (name: string) => Promise<readonly string[]>
}

async function world(
  t: Test,
  given: { readonly hosts?: string[]; readonly resolv?: string[]; readonly zone?: Zone },
): Promise<World> {
  const { hosts = [], resolv = [], zone = {} } = given
  const folder = await mkdtemp(join(tmpdir(), 'pit-names-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const server = await startNameServer(t, zone)
  const places = {
    hostsFile: join(folder, 'hosts'),
    resolvConf: join(folder, 'resolv.conf'),
    servers: [server.server],
  }
  await writeFile(places.hostsFile, hosts.join('\n'))
  await writeFile(places.resolvConf, resolv.join('\n'))
  return { server, places, find: (name) => queryName(name, places).addresses }
}
