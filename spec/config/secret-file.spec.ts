// Secrets in files, as Docker and Kubernetes mount them.

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import t from 'tap'
import { readConfig } from '../../src/config/config.ts'
import { helpText } from '../../src/config/text.ts'
import { SETTING_NAMES, VARIABLES } from '../../src/config/variables.ts'
import { faultsOf } from '../support/config-faults.ts'

const URL = 'postgresql://pit:s3cret@db/pit'

t.test('a secret may stand in a file, whose line end is not part of it', async (t) => {
  const dir = t.testdir({
    database: `${URL}\n`,
    redis: 'redis://:s3cret@redis:6379/0\r\n',
    token: 's3cret',
  })

  const config = readConfig({
    DATABASE_URL_FILE: join(dir, 'database'),
    REDIS_URL_FILE: join(dir, 'redis'),
    PROCESSOR_TOKEN_FILE: join(dir, 'token'),
  })

  t.equal(config.databaseUrl, URL)
  t.equal(config.redisUrl, 'redis://:s3cret@redis:6379/0')
  t.equal(config.processorToken, 's3cret')
})

t.test('a file that a link leads to is read, as Kubernetes replaces them', async (t) => {
  const dir = t.testdir({ data: { url: URL }, url: t.fixture('symlink', 'data/url') })

  t.equal(readConfig({ DATABASE_URL_FILE: join(dir, 'url') }).databaseUrl, URL)
})

t.test('a secret and its file together are refused', async (t) => {
  const file = join(t.testdir({ url: URL }), 'url')

  t.same(faultsOf({ DATABASE_URL: URL, DATABASE_URL_FILE: file }), [
    'DATABASE_URL and DATABASE_URL_FILE are both set; choose one',
  ])
  t.same(faultsOf({ DATABASE_URL: '', DATABASE_URL_FILE: file }), [], 'empty is unset')
  t.same(faultsOf({ DATABASE_URL: URL, DATABASE_URL_FILE: '' }), [], 'empty is unset')
})

t.test('a file of no use is one sentence with the variable and the file', async (t) => {
  const dir = t.testdir({
    empty: '',
    blank: '\n',
    two: `${URL}\n${URL}\n`,
    long: 'a'.repeat(65_537),
    wrong: 's3cret',
    folder: {},
  })
  execFileSync('mkfifo', [join(dir, 'pipe')])
  const rows: readonly (readonly [file: string, fault: RegExp])[] = [
    [
      'missing',
      /^DATABASE_URL_FILE names \S+\/missing, which cannot be read by user \d+ \(ENOENT\)$/,
    ],
    ['empty', /^DATABASE_URL_FILE names \S+\/empty, which is empty$/],
    ['blank', /^DATABASE_URL_FILE names \S+\/blank, which is empty$/],
    ['two', /^DATABASE_URL_FILE names \S+\/two, which has several lines$/],
    ['long', /^DATABASE_URL_FILE names \S+\/long, which is longer than 65536 bytes$/],
    ['folder', /^DATABASE_URL_FILE names \S+\/folder, which is not a file$/],
    ['pipe', /^DATABASE_URL_FILE names \S+\/pipe, which is not a file$/],
    ['wrong', /^DATABASE_URL in \S+\/wrong is not a URL/],
  ]

  for (const [file, fault] of rows) {
    const faults = faultsOf({ DATABASE_URL_FILE: join(dir, file) })
    t.equal(faults.length, 1, file)
    t.match(faults[0], fault)
    t.notMatch(faults[0], 's3cret')
  }
})

t.test('a secret that was put in the place of its file’s path is not repeated', async (t) => {
  for (const name of ['DATABASE_URL_FILE', 'PROCESSOR_TOKEN_FILE']) {
    t.same(faultsOf({ [name]: URL }), [`${name} is not a path that begins with / or .`])
  }
})

t.test('what may hold a password may stand in a file, and the help says so', async (t) => {
  const withFile = Object.values(VARIABLES).flatMap((each) =>
    'fileName' in each && each.fileName !== undefined ? [each.name] : [],
  )

  t.same(withFile, ['PIT_KEY', 'DATABASE_URL', 'REDIS_URL', 'PROCESSOR_TOKEN'])
  const help = helpText().replaceAll(/\s+/g, ' ')
  for (const name of withFile) {
    t.match(help, `${name}_FILE may name a file that holds it instead`)
    t.ok(SETTING_NAMES.includes(`${name}_FILE`))
  }
  t.same(
    faultsOf({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://me:s3cret@collector',
      PROCESSOR_DEFAULT_URL: 'http://me:s3cret@one',
      PROCESSOR_FALLBACK_URL: 'http://two?key=s3cret',
    }).length,
    3,
    'no other URL takes a password',
  )
})
