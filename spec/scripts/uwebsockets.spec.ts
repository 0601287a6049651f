import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { projectFile } from '../../src/infra/process/project-file.ts'

const PACKAGE = projectFile('node_modules/uWebSockets.js')
const SCRIPT = projectFile('scripts/check-uwebsockets.js')
const SUMS = projectFile('scripts/uwebsockets.sha256')

t.test(
  'each file of uWebSockets.js that can be loaded is one that was looked at',
  { skip: existsSync(PACKAGE) ? false : 'uWebSockets.js is left out' },
  async (t) => {
    const recorded = readFileSync(SUMS, 'utf8').trim().split('\n')
    const names = readdirSync(PACKAGE).filter((name) => /\.(node|js|mjs)$/.test(name))

    const unknown = names.filter(
      (name) => !recorded.includes(`${sumOf(join(PACKAGE, name))}  ${name}`),
    )

    t.same(unknown, [])
    t.match(await check(PACKAGE), { code: 0, told: '' })
  },
)

t.test('a file of uWebSockets.js with other bytes ends the build, and is named', async (t) => {
  const folder = t.testdir({ 'uws.js': 'module.exports = {}', 'README.md': 'any' })

  const { code, told } = await check(folder)

  t.equal(code, 1)
  t.match(told, `uWebSockets.js: ${join(folder, 'uws.js')} is not what Pit was tried with`)
  t.match(told, sumOf(join(folder, 'uws.js')))
  t.equal(told.split('\n').length, 2, 'one sentence')
})

t.test('where uWebSockets.js was left out nothing is to be checked', async (t) => {
  t.match(await check(join(t.testdir({}), 'missing')), { code: 0, told: '' })
})

function check(folder: string): Promise<{ readonly code: unknown; readonly told: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [SCRIPT, folder], (error, out, err) => {
      resolve({ code: error === null ? 0 : error.code, told: out + err })
    })
  })
}

function sumOf(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex')
}
