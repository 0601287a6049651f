// Signing in with a key and out again, and what a page is told of whoever looks at it.

import type { WebApp } from '../server/web-server.ts'
import type { Reply } from '../http/problem.ts'
import type { Access } from './access.ts'
import { post, privateJson, refusalReply } from './changes.ts'
import type { OnBug } from './contained.ts'
import { route } from './pages.ts'

export function addSignIn(app: WebApp, access: Access, onBug: OnBug): void {
  route(app, {
    path: '/console/access',
    read: (request) => {
      const judged = access.visit(request)
      if ('refused' in judged) return refusalReply(judged)
      return privateJson(access.pageOf(request, judged.by))
    },
    access,
    onBug,
  })
  post(app, '/console/sign-in', {
    judge: (request) => {
      // A request is gone when its body comes.
      const headers = headersOf(request, ['host', 'x-forwarded-proto'])
      return (body) => signIn(access, body, headers)
    },
    access,
    onBug,
  })
  post(app, '/console/sign-out', {
    judge: (request) => {
      const { cookie } = access.signOut(request)
      return () => privateJson({}, cookie)
    },
    access,
    onBug,
  })
}

interface Headers {
  getHeader(name: string): string
}

function headersOf(request: Headers, names: readonly string[]): Headers {
  const kept = new Map(names.map((name) => [name, request.getHeader(name)]))
  return { getHeader: (name) => kept.get(name) ?? '' }
}

function signIn(access: Access, body: unknown, headers: Headers): Reply {
  const key = typeof body === 'object' && body !== null && 'key' in body ? body.key : undefined
  const begun = typeof key === 'string' ? access.signIn(key, headers) : undefined
  return begun === undefined
    ? refusalReply({ refused: 'unknownKey' })
    : privateJson({}, begun.cookie)
}
