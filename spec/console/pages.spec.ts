// How the console's pages are asked for; what they show is seen in a browser.

import t from 'tap'
import { route } from '../../src/console/pages.ts'
import { json } from '../../src/http/problem.ts'
import { openToAll } from '../support/access.ts'
import { loadWebServer } from '../../src/server/load-server.ts'

t.test('a page of the console answers HEAD as GET without its body, and no other', async (t) => {
  const app = (await loadWebServer('auto')).createApp()
  t.teardown(() => app.close())
  route(app, {
    path: '/',
    read: () => json('{"a":1}'),
    access: openToAll(),
    onBug: (_, error) => t.error(error),
  })
  const { port } = await app.listen({ host: '127.0.0.1', port: 0 })
  const ask = async (method: string) => {
    const answer = await fetch(`http://127.0.0.1:${port}/`, { method })
    const { status, headers } = answer
    const [type, allow] = [headers.get('content-type'), headers.get('allow')]
    return { status, type, allow, text: await answer.text() }
  }

  const got = await ask('GET')

  t.match(got, { status: 200, text: '{"a":1}' })
  t.strictSame(await ask('HEAD'), { ...got, text: '' })
  t.match(await ask('DELETE'), { status: 405, allow: 'GET, HEAD' })
})
