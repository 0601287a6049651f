// What both servers under the ports have in common beside requests and bodies: which route a path
// takes, WebSockets, and which of the two is loaded.

import { execFile } from 'node:child_process'
import { connect, type Socket } from 'node:net'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { WebSocket } from 'undici'
import { waitUntil } from '../../bench/layout/wait.ts'
import { projectFile } from '../../src/infra/process/project-file.ts'
import type { WebApp, WebServer, WebSocketRoute } from '../../src/server/web-server.ts'
import { SERVERS } from '../http/edge-under-test.ts'

for (const server of SERVERS) {
  const claim = (text: string): string => `${text} (${server.name})`

  t.test(claim('a path takes the route of its method, and the plainest that fits'), async (t) => {
    const port = await serve(t, server, (app) => {
      const tells = (name: string): Parameters<WebApp['get']>[1] => {
        return (response) => response.end(name)
      }
      app.any('/*', tells('rest'))
      app.any('/a/b', tells('any plain'))
      app.get('/a/:id', (response, request) => response.end(`named ${request.getParameter(0)}`))
      app.get('/a/b', tells('plain'))
    })
    const answers: string[] = []
    for (const [method, path] of [
      ['GET', '/a/b'],
      ['GET', '/a/c?x'],
      ['PUT', '/a/b'],
      ['GET', '/a/'],
      ['GET', '/a/b/c'],
    ] as const) {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method })
      answers.push(await answer.text())
    }
    t.same(answers, ['plain', 'named c', 'any plain', 'rest', 'rest'])
  })

  t.test(claim('a viewer gets what it is sent, and is let go once'), async (t) => {
    const left: unknown[] = []
    const open: WebSocketRoute['open'] = (socket) => {
      socket.cork(() => ['one', 'two'].forEach((text) => socket.send(text)))
      t.type(socket.getBufferedAmount(), 'number')
      socket.end(1013, 'full')
    }
    const port = await serveSockets(t, server, { open, close: (socket) => left.push(socket) })

    t.same(await heard(port), { texts: ['one', 'two'], code: 1013, reason: 'full' })
    await waitUntil({ what: 'it is let go' }, () => left.length > 0)
    t.equal(left.length, 1)
  })

  t.test(claim('a viewer that is not admitted, or asks for another path, gets none'), async (t) => {
    let opened = 0
    const open = (): void => void (opened += 1)
    const port = await serveSockets(t, server, { admits: () => false, open })

    for (const path of ['/ws', '/other']) {
      t.match(await heard(port, { path }), { texts: [], code: 1006 })
    }
    t.equal(opened, 0)
  })

  t.test(claim('a viewer that sends too long a message is cut off'), async (t) => {
    const port = await serveSockets(t, server, {})

    const { code } = await heard(port, { sends: 'x'.repeat(2000) })

    t.ok(code === 1009 || code === 1006, String(code))
  })

  t.test(claim('the end of a server cuts off its viewers'), async (t) => {
    const apps: WebApp[] = []
    const open = (): void => apps[0]?.close()
    const port = await serveSockets(t, server, { open }, apps)

    t.match(await heard(port), { code: 1006 })
  })
}

for (const server of SERVERS) {
  const claim = (text: string): string => `${text} (${server.name})`

  t.test(claim('a client that does not read its answer is cut off'), async (t) => {
    let isCutOff = false
    const port = await serve(t, server, (app) => {
      app.get('/', (response) => {
        response.onAborted(() => (isCutOff = true))
        // More than the system takes for a client that reads nothing.
        for (let mebibyte = 0; mebibyte < 20; mebibyte += 1) response.write('x'.repeat(2 ** 20))
      })
    })
    const { socket } = ask(t, port, 'GET / HTTP/1.1\r\nHost: pit\r\n\r\n')
    socket.pause()

    await waitUntil({ what: 'it is cut off' }, () => isCutOff)

    t.pass('neither server waits for ever')
  })

  t.test(claim('a request for another protocol than WebSocket is answered as any'), async (t) => {
    const port = await serveSockets(t, server, {})
    const upgrade = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n'
    for (const path of ['/', '/ws']) {
      const asked = ask(t, port, `GET ${path} HTTP/1.1\r\nHost: pit\r\n${upgrade}\r\n`)

      await waitUntil({ what: 'it is answered' }, () => asked.heard.endsWith('no viewer'))

      t.match(asked.heard, /^HTTP\/1.1 200 /)
    }
  })

  t.test(claim('a viewer that was turned away cannot hold its connection'), async (t) => {
    const port = await serveSockets(t, server, { admits: () => false })
    const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n'
    const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
    const asked = ask(t, port, `GET /ws HTTP/1.1\r\nHost: pit\r\n${upgrade}${key}\r\n`)
    await waitUntil({ what: 'it is turned away' }, () => asked.heard !== '')
    t.match(asked.heard, /^HTTP\/1.1 403 /)

    await waitUntil({ what: 'nobody hears it any more' }, () => {
      // What is sent to a connection that has gone comes back as an error.
      if (asked.hasEnded) asked.socket.write('x')
      return asked.socket.destroyed
    })
  })
}

t.test('where uWebSockets.js does not load, node:http runs and says why', async (t) => {
  t.match(await loadedWithout('auto'), /^node:http, uWebSockets.js does not load: .*left out/)
  t.match(await loadedWithout('node'), /^node:http, undefined/)
  await t.rejects(loadedWithout('uws'), /HTTP_SERVER: uWebSockets.js does not load: .*left out/)
})

t.test('uWebSockets.js that was left out is told as not installed', async (t) => {
  const leftOut = `return next('uwebsockets-left-out', context)`

  t.equal(await loadedWithout('auto', leftOut), 'node:http, uWebSockets.js is not installed')
})

t.test('a Node for which uWebSockets.js has no binary is named', async (t) => {
  const said =
    "This version supports some.\\n\\nError: Cannot find module './uws_linux_x64_147.node'"
  const told = await loadedWithout('auto', `throw new Error(${JSON.stringify(said)})`)

  t.match(told, `node:http, uWebSockets.js has no binary for Node ${process.versions.node} on `)
})

/** What is loaded in a process in which the package is missing. */
async function loadedWithout(choice: string, how = `throw new Error('left out')`): Promise<string> {
  const hook = `export async function resolve(name, context, next) {
    if (name === 'uWebSockets.js') ${how}
    return next(name, context)
  }`
  const script = `import { register } from 'node:module'
    register(${JSON.stringify(dataUrl(hook))})
    const { loadWebServer } = await import(${JSON.stringify(projectFile('dist/server/load-server.js'))})
    const { name, insteadOf } = await loadWebServer(${JSON.stringify(choice)})
    process.stdout.write(name + ', ' + insteadOf)`
  const run = promisify(execFile)
  return (await run(process.execPath, ['--input-type=module', '-e', script])).stdout
}

function dataUrl(code: string): string {
  return `data:text/javascript,${encodeURIComponent(code)}`
}

async function serve(t: Test, server: WebServer, add: (app: WebApp) => void): Promise<number> {
  const app = server.createApp()
  add(app)
  t.teardown(() => app.close())
  return (await app.listen({ host: '127.0.0.1', port: 0 })).port
}

function serveSockets(
  t: Test,
  server: WebServer,
  route: Partial<WebSocketRoute>,
  apps: WebApp[] = [],
): Promise<number> {
  return serve(t, server, (app) => {
    apps.push(app)
    app.ws('/ws', {
      messageBytesMax: 1024,
      silentMaxS: 30,
      bufferedBytesMax: 65_536,
      admits: () => true,
      open: () => undefined,
      close: () => undefined,
      ...route,
    })
    app.any('/*', (response) => response.end('no viewer'))
  })
}

interface Raw {
  readonly socket: Socket
  readonly heard: string
  /** Whether the server has said its last word. */
  readonly hasEnded: boolean
}

/** Over a connection that stays open at this end. */
function ask(t: Test, port: number, text: string): Raw {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  let heard = ''
  socket.on('data', (bytes: Buffer) => (heard += bytes.toString('latin1')))
  socket.on('error', () => undefined)
  socket.write(text)
  t.teardown(() => socket.destroy())
  return {
    socket,
    get heard() {
      return heard
    },
    get hasEnded() {
      return socket.readableEnded
    },
  }
}

interface Heard {
  readonly texts: string[]
  readonly code: number
  readonly reason: string
}

/** What a viewer hears until it is closed. */
function heard(port: number, { path = '/ws', sends = '' } = {}): Promise<Heard> {
  return new Promise((resolve) => {
    const texts: string[] = []
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`)
    socket.addEventListener('open', () => sends !== '' && socket.send(sends))
    socket.addEventListener('message', ({ data }) => texts.push(String(data)))
    socket.addEventListener('error', () => undefined)
    socket.addEventListener('close', ({ code, reason }) => resolve({ texts, code, reason }))
  })
}
