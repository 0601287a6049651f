// What is named by settings and cannot be used stops a start before anything is made.

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { refuseUnusable } from '../../src/app/usable.ts'
import { ConfigError, readConfig } from '../../src/config/config.ts'
import { MAIN } from '../support/system-process.ts'

const URLS = {
  PROCESSOR_DEFAULT_URL: 'http://127.0.0.1:1',
  PROCESSOR_FALLBACK_URL: 'http://127.0.0.1:2',
}

function faultsOf(environment: Readonly<Record<string, string>>): readonly string[] {
  try {
    refuseUnusable(readConfig(environment))
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
}

t.test('a file of keys that cannot be read is named, where it would be', async (t) => {
  const KEYS_FILE = join(t.testdir({}), 'keys')
  const [fault = ''] = faultsOf({ KEYS_FILE })
  t.match(fault, `KEYS_FILE: ${KEYS_FILE} cannot be read`)
  t.same(faultsOf({ KEYS_FILE, OPS_PORT: '0' }), [], 'nobody signs in there')
  await writeFile(KEYS_FILE, 'rubbish')
  t.equal(faultsOf({ KEYS_FILE }).length, 1)
  await writeFile(KEYS_FILE, '')
  t.same(faultsOf({ KEYS_FILE }), [])
})

t.test('a fee that a simulator cannot take is named, where one would be started', async (t) => {
  const fees = { PROCESSOR_DEFAULT_FEE: '1', PROCESSOR_FALLBACK_FEE: '0.1234567' }
  const said = 'is none that a simulator takes: below 1, at most six decimals'
  t.same(faultsOf(fees), [`PROCESSOR_DEFAULT_FEE ${said}`, `PROCESSOR_FALLBACK_FEE ${said}`])
  t.same(faultsOf({ ...fees, ...URLS }), [])
  t.same(faultsOf({ PROCESSOR_DEFAULT_FEE: '0' }), [])
})

t.test('a start with such a setting is wrong usage, and makes nothing', async (t) => {
  const DATA_DIR = join(t.testdir({}), 'data')
  const env = { PATH: process.env['PATH'] ?? '', DATA_DIR, KEYS_FILE: '/nowhere/keys' }

  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN], { env, encoding: 'utf8' })

  t.same([status, stdout], [2, ''])
  t.match(stderr, /^pit: configuration:\n {2}KEYS_FILE: \/nowhere\/keys cannot be read/)
  t.equal(existsSync(DATA_DIR), false)
})
