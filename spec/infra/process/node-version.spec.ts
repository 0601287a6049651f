import t from 'tap'
import { PINNED_NODES } from '../../../scripts/pinned-nodes.ts'
import { nodeFault, SUPPORTED_NODES } from '../../../src/infra/process/node-version.ts'
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
