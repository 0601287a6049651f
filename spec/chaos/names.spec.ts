// The names that instances of a chaos run ask for.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { Resolver } from 'node:dns/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Chance } from '../simulation/chance.ts'
import { canChangeResolver, describeNameTrouble, drawNameTrouble, Names } from './names.ts'

const skip = canChangeResolver() ? false : 'no right to mount another resolv.conf'

t.test('an instance asks the name server of the run, and others do not', { skip }, async (t) => {
  const { names } = await openNames(t)
  const [command = '', ...args] = names.starter()
  const tell = 'console.log(require("node:dns").getServers().join())'

  const told = spawnSync(command, [...args, process.execPath, '-e', tell], { encoding: 'utf8' })

  t.equal(told.stdout.trim(), names.server)
  t.notOk(new Resolver().getServers().includes(names.server))
})

t.test('a name behaves as drawn until it is healed', async (t) => {
  const { names, resolve } = await openNames(t)
  const url = new URL(names.urlOf('default', 'http://127.0.0.1:80'))
  t.strictSame(await resolve(url.hostname), ['127.0.0.1'])

  names.behave('default', ['127.0.0.9', '127.0.0.1'])
  t.strictSame(await resolve(url.hostname), ['127.0.0.9', '127.0.0.1'])
  names.behave('default', 'unknown')
  t.equal(await resolve(url.hostname), 'ENOTFOUND')
  names.behave('default', 'failing')
  t.equal(await resolve(url.hostname), 'ESERVFAIL')

  names.heal('default')
  t.strictSame(await resolve(url.hostname), ['127.0.0.1'])
})

t.test('each trouble of a name is drawn', async (t) => {
  const chance = new Chance(1)
  const drawn = Array.from({ length: 300 }, () => describeNameTrouble(drawNameTrouble(chance)))

  for (const what of ['silent', 'failing', 'unknown', 'none', '127.0.0.9', ' and 127.0.0.1']) {
    t.ok(
      drawn.some((text) => text.includes(what)),
      what,
    )
  }
})

async function openNames(t: Test) {
  const dir = mkdtempSync(join(tmpdir(), 'pit-names-'))
  const names = await Names.open(dir)
  t.teardown(() => {
    names.close()
    rmSync(dir, { recursive: true, force: true })
  })
  const resolver = new Resolver()
  resolver.setServers([names.server])
  const resolve = (name: string): Promise<readonly string[] | string> =>
    resolver.resolve4(name).catch((error: unknown) => (error as { code: string }).code)
  return { names, resolve }
}
