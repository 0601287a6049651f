import {
  call,
  ID,
  open,
  PAYMENT,
  paymentOf,
  postPayment,
  startEdge,
  onEachServer,
} from './edge-under-test.ts'

onEachServer('a payment is answered 202 without a body once it is accepted', async (t) => {
  const edge = await startEdge(t)

  const answer = await postPayment(edge, PAYMENT)

  t.equal(answer.status, 202)
  t.equal(answer.text, '')
  t.match(edge.requests, [{ type: 'payment.received', correlationId: ID, amountCents: 1990 }])
  t.equal(edge.latencies.length, 1)
  t.equal(edge.server.inFlight(), 0)
})

onEachServer('a payment that is accepted or known is answered with its location', async (t) => {
  const answers = ['accepted', 'known', 'conflicting', 'unavailable'] as const
  const edge = await startEdge(t, {
    supervise: (request) => {
      if (request.type === 'payment.requested') request.replyTo({ kind: 'missing' })
      else paymentOf(request).replyTo(answers[edge.requests.length - 1] ?? 'known')
    },
  })
  const post = async (): Promise<unknown> =>
    (await postPayment(edge, PAYMENT.replace(ID, ID.toUpperCase()))).headers['location']

  t.equal(await post(), `/payments/${ID}`)
  t.equal(await post(), `/payments/${ID}`)
  t.equal(await post(), undefined, 'not of a conflict')
  t.equal(await post(), undefined, 'not without an answer of the ledger')
  await call(edge, 'GET', `/payments/${ID}`)
  t.match(edge.requests.at(-1), { type: 'payment.requested', correlationId: ID })
})

onEachServer('each answer of the supervisor has its own status code', async (t) => {
  const answers = ['accepted', 'known', 'conflicting', 'unavailable'] as const
  const edge = await startEdge(t, {
    supervise: (request) => {
      // Replies later, as the real one does.
      setImmediate(() => paymentOf(request).replyTo(answers[edge.requests.length - 1] ?? 'known'))
    },
  })

  t.equal((await postPayment(edge, PAYMENT)).status, 202)
  t.equal((await postPayment(edge, PAYMENT)).status, 202)
  const conflict = await postPayment(edge, PAYMENT)
  t.match(conflict, { status: 409, headers: { 'content-type': 'application/problem+json' } })
  t.match(JSON.parse(conflict.text), {
    type: 'urn:pit:problem:conflicting-payment',
    title: 'Conflict',
    status: 409,
    field: 'amount',
  })
  const unavailable = await postPayment(edge, PAYMENT)
  t.match(unavailable, { status: 503, headers: { 'retry-after': '1' } })
  t.match(JSON.parse(unavailable.text), { type: 'about:blank', status: 503 })
})

onEachServer('a faulty payment is answered 400 and never reaches the supervisor', async (t) => {
  const edge = await startEdge(t)

  const answer = await postPayment(edge, `{"correlationId":"${ID}","amount":19.901}`)

  t.equal(answer.status, 400)
  t.same(JSON.parse(answer.text), {
    type: 'urn:pit:problem:invalid-payment',
    title: 'Bad Request',
    status: 400,
    detail: 'amount has more than two decimals.',
    field: 'amount',
  })
  t.equal((await postPayment(edge, '')).status, 400)
  t.equal(edge.requests.length, 0)
})

onEachServer('a payment is taken as JSON only, under any JSON media type', async (t) => {
  const edge = await startEdge(t)
  const post = async (type?: string): Promise<number> => {
    const headers = type === undefined ? {} : { 'content-type': type }
    return (await call(edge, 'POST', '/payments', { body: PAYMENT, headers })).status
  }

  const taken = ['Application/JSON', 'application/json; charset=utf-8', 'application/vnd.pit+json']
  for (const type of [undefined, ...taken]) t.equal(await post(type), 202, type ?? 'none')
  for (const type of [
    'text/plain',
    'application/jsonp',
    'x',
    'application/x-www-form-urlencoded',
  ]) {
    t.equal(await post(type), 415, type)
  }
})

onEachServer('a page of any site in a browser can neither post a payment nor purge', async (t) => {
  const edge = await startEdge(t, {
    allowPurge: true,
    supervise: (request) => {
      if (request.type === 'payment.received') request.replyTo('accepted')
      else request.replyTo({ kind: 'unavailable', why: 'late' })
    },
  })
  const origin = 'http://site.example'

  // What a page may send to a site that does not let it: no type, or one of a form.
  const untyped = await call(edge, 'POST', '/payments', { body: PAYMENT, headers: { origin } })
  // Browsers ask before they send JSON.
  const asked = await call(edge, 'OPTIONS', '/payments', { headers: { origin } })
  const purge = await call(edge, 'POST', '/purge-payments', { headers: { origin: 'null' } })

  t.match(untyped, { status: 415, text: 'application/json' })
  t.match(asked, { status: 405 })
  t.notOk('access-control-allow-origin' in asked.headers)
  t.match(purge, { status: 403, text: 'browser' })
  t.same(edge.requests, [])
})

onEachServer(
  'a status is 404 for an unknown payment, 400 for a wrong id, 503 without a ledger',
  async (t) => {
    const edge = await startEdge(t, {
      supervise: (request) => {
        if (request.type !== 'payment.requested') return
        const isFirst = edge.requests.length === 1
        request.replyTo(isFirst ? { kind: 'missing' } : { kind: 'unavailable', why: 'late' })
      },
    })

    t.equal((await call(edge, 'GET', `/payments/${ID}`)).status, 404)
    t.equal((await call(edge, 'GET', `/payments/${ID}`)).status, 503)
    for (const id of ['7', '%00', `${ID}x`, '__proto__']) {
      t.equal((await call(edge, 'GET', `/payments/${id}`)).status, 400, id)
    }
    t.equal(edge.requests.length, 2)
  },
)

onEachServer('a summary has counts, and amounts with exact decimals', async (t) => {
  const summary = {
    default: { payments: 3, cents: 1_234_560 },
    fallback: { payments: 0, cents: 0 },
  }
  const edge = await startEdge(t, {
    supervise: (request) => {
      if (request.type === 'summary.requested') request.replyTo({ kind: 'found', value: summary })
    },
  })

  const query = 'from=2025-08-09T12:00:00.0001Z&to=2025-08-09T12:00:01.0009Z'
  const answer = await call(edge, 'GET', `/payments-summary?${query}`)

  t.match(answer, { status: 200, headers: { 'content-type': 'application/json' } })
  const fallback = '"fallback":{"totalRequests":0,"totalAmount":0.00}'
  t.equal(answer.text, `{"default":{"totalRequests":3,"totalAmount":12345.60},${fallback}}`)
  const from = Date.UTC(2025, 7, 9, 12, 0, 0, 1)
  t.match(edge.requests[0], { type: 'summary.requested', window: { from, to: from + 999 } })
  t.equal((await call(edge, 'GET', '/payments-summary')).status, 200)
  t.match(edge.requests[1], { window: { from: undefined, to: undefined } })
})

onEachServer('a summary without a valid window or a ledger is answered as a problem', async (t) => {
  const whys = ['late', 'away', 'refused'] as const
  const edge = await startEdge(t, {
    supervise: (request) => {
      const why = whys[edge.requests.length - 1] ?? 'late'
      if (request.type === 'summary.requested') request.replyTo({ kind: 'unavailable', why })
    },
  })

  const faulty = await call(edge, 'GET', '/payments-summary?from=2025-08-09')
  t.equal(faulty.status, 400)
  t.match(JSON.parse(faulty.text), { type: 'urn:pit:problem:invalid-window', field: 'from' })
  for (const detail of [/did not answer in time/, /cannot be reached/, /refuses/]) {
    const failed = await call(edge, 'GET', '/payments-summary')
    t.match(failed, { status: 503, headers: { 'retry-after': '1' } })
    t.match(JSON.parse(failed.text), { type: 'about:blank', status: 503, detail })
  }
})

onEachServer('a summary of more than 2^53 cents is answered to the cent', async (t) => {
  const vast = { payments: 2, cents: 9_007_199_254_740_993n }
  const none = { payments: 0, cents: 0 }
  const edge = await startEdge(t, {
    supervise: (request) => {
      if (request.type !== 'summary.requested') return
      request.replyTo({ kind: 'found', value: { default: vast, fallback: none } })
    },
  })

  const { status, text } = await call(edge, 'GET', '/payments-summary')

  t.equal(status, 200)
  t.match(text, '"default":{"totalRequests":2,"totalAmount":90071992547409.93}')
})

onEachServer(
  'a payment whose row is damaged is answered 500, and the next one as ever',
  async (t) => {
    const edge = await startEdge(t, {
      supervise: (request) => {
        if (request.type !== 'payment.requested') return
        request.replyTo({ kind: edge.requests.length === 1 ? 'damaged' : 'missing' })
      },
    })
    const ask = () => call(edge, 'GET', `/payments/${ID}`)

    const damaged = await ask()
    const next = await ask()

    t.match(damaged, { status: 500, headers: { 'content-type': 'application/problem+json' } })
    t.match(JSON.parse(damaged.text), { type: 'urn:pit:problem:damaged-payment', status: 500 })
    t.equal(next.status, 404)
  },
)

onEachServer('a summary or a purge that is said to be missing is a bug', async (t) => {
  const edge = await startEdge(t, { allowPurge: true })
  for (const line of ['GET /payments-summary', 'POST /purge-payments']) {
    const asked = edge.nextRequest()
    const { socket } = open(edge)
    t.teardown(() => socket.destroy())
    socket.write(`${line} HTTP/1.1\r\nHost: pit\r\nContent-Length: 0\r\n\r\n`)

    const request = await asked

    if (request.type !== 'summary.requested' && request.type !== 'purge.requested') {
      throw new Error(`${request.type} was not asked for`)
    }
    t.throws(() => request.replyTo({ kind: 'missing' }), { code: 'ERR_ASSERTION' }, line)
  }
})

onEachServer('a purge is refused unless it is allowed', async (t) => {
  const closed = await startEdge(t)
  t.equal((await call(closed, 'POST', '/purge-payments')).status, 403)
  t.equal(closed.requests.length, 0)

  const allowed = await startEdge(t, {
    allowPurge: true,
    supervise: (request) => {
      if (request.type === 'purge.requested') request.replyTo({ kind: 'found', value: null })
    },
  })
  t.match(await call(allowed, 'POST', '/purge-payments'), { status: 200, text: '' })
  t.equal((await call(allowed, 'POST', '/purge-payments', { body: '{}' })).status, 200)
})

onEachServer('a purge that PostgreSQL refuses says why, and not to try again', async (t) => {
  const words = 'the role lacks TRUNCATE on payments; see docs/DATABASE.md'
  const edge = await startEdge(t, {
    allowPurge: true,
    supervise: (request) => {
      if (request.type === 'purge.requested') request.replyTo({ kind: 'refused', words })
    },
  })

  const { status, headers, text } = await call(edge, 'POST', '/purge-payments')

  t.equal(status, 403)
  t.notOk('retry-after' in headers)
  t.match(JSON.parse(text), { status: 403, detail: `PostgreSQL refuses this: ${words}.` })
})

onEachServer('an unknown path is answered 404, and a wrong method 405', async (t) => {
  const edge = await startEdge(t)

  for (const path of ['/', '/payments/', '//payments', `/payments/${ID}/x`, '/healthz']) {
    t.equal((await call(edge, 'GET', path)).status, 404, path)
  }
  t.match(await call(edge, 'GET', '/payments'), { status: 405, headers: { allow: 'POST' } })
  const readOnly = { status: 405, headers: { allow: 'GET, HEAD' } }
  t.match(await call(edge, 'DELETE', `/payments/${ID}`), readOnly)
  t.match(await call(edge, 'POST', '/payments-summary'), { status: 405 })
  t.match(await call(edge, 'GET', '/purge-payments'), { status: 405 })
  // A body after HEAD would be read as the next answer.
  t.match(await call(edge, 'HEAD', '/payments'), { status: 405, text: '' })
  t.equal((await postPayment(edge, PAYMENT)).status, 202)
})

onEachServer('HEAD is answered as GET is, without the body', async (t) => {
  const edge = await startEdge(t, {
    supervise: (request) => {
      const total = { payments: 1, cents: 1990n }
      const value = { default: total, fallback: total }
      if (request.type === 'summary.requested') request.replyTo({ kind: 'found', value })
      else if (request.type === 'payment.requested') request.replyTo({ kind: 'missing' })
    },
  })
  const json = 'application/json'
  const problem = 'application/problem+json'

  for (const [path, status, type] of [
    ['/payments-summary', 200, json],
    ['/payments-summary?from=yesterday', 400, problem],
    [`/payments/${ID}`, 404, problem],
    ['/payments/no-uuid', 400, problem],
  ] as const) {
    const answer = await call(edge, 'HEAD', path)
    t.match(answer, { status, headers: { 'content-type': type }, text: '' }, path)
    t.equal((await call(edge, 'GET', path)).status, status, path)
  }
})
