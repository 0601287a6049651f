import { createConfig, lintFromString } from '@redocly/openapi-core'
import t from 'tap'
import type { ApiDocument } from '../../../src/http/openapi/document.ts'
import { describeApi } from '../../../src/http/openapi/openapi.ts'

const api = describeApi('0.0.0')

t.test('the API description follows every rule that Redocly recommends', async (t) => {
  t.same(await findings(api), [])
})

t.test('a description that says nothing of security and licence is found faulty', async (t) => {
  const { security, ...rest } = api
  const { license, ...info } = api.info

  const found = await findings({ ...rest, info })

  t.same(security, [])
  t.equal(license.identifier, 'MIT')
  t.same([...new Set(found.map(([rule]) => rule))].sort(), ['info-license', 'security-defined'])
})

type Lacking = Omit<ApiDocument, 'security' | 'info'> & {
  readonly info: Omit<ApiDocument['info'], 'license'>
}

/** Rule, sentence and place of each, warnings too. */
async function findings(document: Lacking): Promise<readonly (readonly string[])[]> {
  const config = await createConfig({ extends: ['recommended-strict'] })
  const problems = await lintFromString({ source: JSON.stringify(document), config })
  return problems.map(({ ruleId, message, location }) => {
    return [ruleId, message, location[0]?.pointer ?? '']
  })
}
