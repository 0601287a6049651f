import { spawnSync } from 'node:child_process'
import { chmodSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { projectFile } from '../../src/infra/process/project-file.ts'

const { scripts } = JSON.parse(readFileSync(projectFile('package.json'), 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>
}

t.test('prune-production says with --help when it comes, and takes nothing out', async (t) => {
  const script = projectFile('scripts/prune-production.js')

  const told = spawnSync(process.execPath, [script, '--help'], { encoding: 'utf8' })

  t.match(told, { status: 0, stderr: '' })
  t.match(told.stdout, /^Usage: [^]*--external-postgres/)
})

t.test('a build without a compiler names what runs without one', async (t) => {
  const read = (name: string): string => readFileSync(projectFile(name), 'utf8')
  const names = ['check-uwebsockets.js', 'uwebsockets.sha256']
  const folder = t.testdir({
    'package.json': read('package.json'),
    scripts: Object.fromEntries(names.map((name) => [name, read(`scripts/${name}`)])),
  })

  const told = spawnSync('sh', ['-c', scripts['build'] ?? ''], { cwd: folder, encoding: 'utf8' })

  t.match(told, { status: 1, stdout: '', stderr: /^pit: no compiler [^\n]*npx pit start[^\n]*\n$/ })
})

t.test('a first build says that it takes some seconds, a later one is silent', async (t) => {
  for (const name of ['build', 'build:tools']) {
    // A compiler that makes what the real one makes, and says nothing.
    const makes = 'mkdir -p dist build/bench && touch dist/main.js build/bench/challenge.js'
    const folder = t.testdir({ bin: { tsc: `#!/bin/sh\n${makes}\n`, node: '#!/bin/sh\n' } })
    for (const program of ['tsc', 'node']) chmodSync(join(folder, 'bin', program), 0o755)
    const build = () =>
      spawnSync('sh', ['-c', `${scripts[name]} --noCheck`], {
        cwd: folder,
        env: { PATH: `${join(folder, 'bin')}:${process.env['PATH']}` },
        encoding: 'utf8',
      })

    const first = build()
    const second = build()

    t.match(first, { status: 0, stdout: '' }, name)
    t.match(first.stderr, /^building[^\n]* takes some seconds\n$/)
    t.match(second, { status: 0, stdout: '', stderr: '' })
  }
})
