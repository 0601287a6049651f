import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { freePort } from '../../src/infra/process/free-port.ts'
import { accepts, waitUntil } from '../../bench/layout/wait.ts'
import { makeEnterableFolder } from '../support/postgres.ts'
import { missing } from '../support/requirements.ts'
import { PAYMENT, startEdge } from './edge-under-test.ts'

t.test('Pit works behind an nginx with one line more than its stock settings', async (t) => {
  const edge = await startEdge(t)
  const port = await startNginx(t, edge.server.port, 'proxy_http_version 1.1;')
  if (port === undefined) return

  t.equal(await post(port), 202)
  t.equal(edge.requests.length, 1)
})

t.test('HTTP/1.0, as a stock nginx speaks it, is answered 505 and takes nothing', async (t) => {
  const edge = await startEdge(t)
  const port = await startNginx(t, edge.server.port, 'proxy_http_version 1.0;')
  if (port === undefined) return

  t.equal(await post(port), 505)
  t.equal(edge.requests.length, 0)
})

async function post(port: number): Promise<number> {
  const headers = { 'content-type': 'application/json' }
  const url = `http://127.0.0.1:${port}/payments`
  return (await fetch(url, { method: 'POST', headers, body: PAYMENT })).status
}

/** Its port; undefined where there is no nginx. */
async function startNginx(t: Test, target: number, line: string): Promise<number | undefined> {
  const folder = await makeEnterableFolder()
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const port = await freePort()
  const file = join(folder, 'nginx.conf')
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  await writeFile(
    file,
    `daemon off; master_process off; pid ${folder}/pid; events {}
    http {
      access_log off;
      ${paths.map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}
      server {
        listen 127.0.0.1:${port};
        location / { proxy_pass http://127.0.0.1:${target}; ${line} }
      }
    }`,
  )
  const nginx = spawn('nginx', ['-e', 'stderr', '-p', folder, '-c', file], { stdio: 'ignore' })
  const isThere = await Promise.race([
    once(nginx, 'spawn').then(() => true),
    once(nginx, 'error').then(() => false),
  ])
  if (!isThere) {
    t.plan(0, NO_NGINX)
    missing(NO_NGINX)
    return undefined
  }
  t.teardown(async () => {
    const ended = once(nginx, 'exit')
    nginx.kill('SIGKILL')
    await ended
  })
  await waitUntil({ what: 'nginx listens' }, () => accepts(port))
  return port
}

const NO_NGINX = 'no nginx on PATH'
