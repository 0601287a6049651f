import { spawnSync } from 'node:child_process'
import t from 'tap'
import { PINNED_NODES } from '../../../scripts/pinned-nodes.ts'
import { nodeFault, SUPPORTED_NODES } from '../../../src/infra/process/node-version.ts'
import { projectFile } from '../../../src/infra/process/project-file.ts'
import { readText } from '../../support/sources.ts'

t.test('a Node that is too old is named in one sentence with those that will do', async (t) => {
  for (const version of ['18.20.8', '20.18.0', '20.9.0', '4.0.0']) {
    t.equal(
      nodeFault(version),
      `this is Node ${version}, Pit needs 20, 22, 24 or 26, and of 20 at least 20.18.1`,
    )
  }
  for (const version of ['20.18.1', '20.19.0', '22.0.0', '27.0.0-nightly']) {
    t.equal(nodeFault(version), undefined, version)
  }
})

t.test('package.json, README and CI name the same Nodes', async (t) => {
  const { engines } = JSON.parse(readText('package.json')) as { engines: { node: string } }
  const majors = (text: string): readonly number[] =>
    [...text.matchAll(/\^(\d+)/g)].map(([, major]) => Number(major))

  t.same(majors(engines.node), SUPPORTED_NODES)
  t.match(readText('README.md'), 'Node 20, 22, 24 or 26 is all it needs')
  t.same(Object.keys(PINNED_NODES).map(Number), SUPPORTED_NODES)
  for (const [major, version] of Object.entries(PINNED_NODES)) {
    t.match(version, new RegExp(`^${major}\\.\\d+\\.\\d+$`))
  }
})

t.test('on an old Node each program and each build ends with that sentence', async (t) => {
  const { scripts } = JSON.parse(readText('package.json')) as { scripts: Record<string, string> }
  for (const name of ['build', 'build:tools']) {
    t.match(scripts[name], /^node scripts\/check-uwebsockets\.js && /, name)
  }
  const commands = Object.values(scripts).join('\n')
  const programs = new Set(commands.match(/\bdist\/[\w/-]+\.js\b/g))
  t.ok(programs.has('dist/simulator/main.js'))
  // Only its version is old.
  const pretend = `Object.defineProperty(process, 'versions', {
    value: { ...process.versions, node: '18.20.8' },
  })`
  const nodeArgs = ['--import', `data:text/javascript,${encodeURIComponent(pretend)}`]
  for (const program of ['scripts/check-uwebsockets.js', ...programs]) {
    const args = [...nodeArgs, projectFile(program), '--help']
    const env = { PATH: process.env['PATH'] ?? '' }

    const { status, stdout, stderr } = spawnSync(process.execPath, args, { env, encoding: 'utf8' })

    const told = `pit: ${nodeFault('18.20.8')}\n`
    t.strictSame({ status, stdout, stderr }, { status: 1, stdout: '', stderr: told }, program)
  }
})
