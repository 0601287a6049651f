import t from 'tap'
import {
  chargeAnswer,
  createLookUpPaths,
  lookUpAnswer,
  probeAnswer,
  readObject,
} from '../../../src/infra/processor/wire.ts'

const ID = '4a7901b8-7d26-4d9d-aa19-4dc1c7cf60b3'
const FOUND = { correlationId: ID, requestedAt: '2026-01-31T12:00:00Z', amount: 19.9 }

function answered(body: unknown, status = 200) {
  return answeredText(JSON.stringify(body) ?? '', status)
}

function answeredText(text: string, status = 200) {
  return { kind: 'answered', status, text, isCached: false } as const
}

t.test('a 200 without the contract’s message leaves a charge in doubt', async (t) => {
  const others = [{}, { status: 'ok' }, { message: 7 }, { message: null }]
  for (const body of [undefined, null, [], 7, 'ok', ...others]) {
    t.match(chargeAnswer(answered(body)), { kind: 'inDoubt', detail: 'unreadable answer' })
  }
  t.same(chargeAnswer(answered({ message: 'done' })), { kind: 'settled', detail: 'http 200' })
})

t.test('a 400 denies in a processor’s form, and a page of others is a refusal', async (t) => {
  for (const text of ['', '{}', '{"message":"amount"}', ' {"title":"Bad Request"}\n']) {
    t.same(chargeAnswer(answeredText(text, 400)), { kind: 'denied', detail: 'http 400' }, text)
  }
  for (const text of ['<html>400</html>', 'Bad Request', '[]', '"no"', '{"title":"Bad', ' ']) {
    t.same(chargeAnswer(answeredText(text, 400)), { kind: 'refused', detail: 'http 400' }, text)
  }
  for (const [status, kind] of [
    [422, 'known'],
    [500, 'failed'],
    [502, 'inDoubt'],
  ] as const) {
    t.match(chargeAnswer(answeredText('<html>', status)), { kind }, 'by its status alone')
  }
})

t.test('a charge that was never sent is refused, and one that was lost is in doubt', async (t) => {
  t.same(chargeAnswer({ kind: 'unsent', detail: 'a' }), { kind: 'refused', detail: 'a' })
  t.same(chargeAnswer({ kind: 'lost', detail: 'b' }), { kind: 'inDoubt', detail: 'b' })
})

t.test('nothing but a JSON object is read from an answer', async (t) => {
  for (const text of ['', '{', 'null', '[]', '[{}]', '7', '"ok"', 'true']) {
    t.equal(readObject(text), undefined, text)
  }
  t.same(readObject('{"a":1}'), { a: 1 })
})

t.test('a look-up’s answer is valid only if each of its fields is', async (t) => {
  const broken = [
    { correlationId: 7 },
    { correlationId: [ID] },
    { correlationId: `${ID}0` },
    { correlationId: `0${ID}` },
    { requestedAt: 1_769_860_800_000 },
    { requestedAt: '2026-13-31T12:00:00Z' },
    { requestedAt: null },
    { requestedAt: '2026-01-31' },
    { requestedAt: '+002026-01-31T12:00:00Z' },
    { requestedAt: [FOUND.requestedAt] },
    { amount: '19.90' },
    { amount: 19.999 },
    { amount: null },
  ]
  for (const change of broken) {
    const answer = lookUpAnswer(answered({ ...FOUND, ...change }), ID)
    t.match(answer, { kind: 'foreign', detail: 'unreadable answer' }, JSON.stringify(change))
  }
  const requestedAt = Date.parse(FOUND.requestedAt)
  t.same(lookUpAnswer(answered(FOUND), ID), { kind: 'found', requestedAt, amountCents: 1_990 })
})

t.test('an instant without a zone is UTC, wherever Pit runs', async (t) => {
  const { TZ } = process.env
  t.teardown(() => {
    if (TZ === undefined) delete process.env['TZ']
    else process.env['TZ'] = TZ
  })

  process.env['TZ'] = 'America/Sao_Paulo'

  const answer = lookUpAnswer(answered({ ...FOUND, requestedAt: '2026-01-31T12:00:00' }), ID)
  t.match(answer, { kind: 'found', requestedAt: Date.parse(FOUND.requestedAt) })
})

t.test('a 404 to a look-up is missing in the contract’s form alone', async (t) => {
  const answer = (status: number, text: string) => lookUpAnswer(answeredText(text, status), ID)

  t.same(answer(404, ''), { kind: 'missing' })
  for (const text of [' ', '{}', '<html>404</html>', '{"message":"not found"}']) {
    t.same(answer(404, text), { kind: 'foreign', detail: 'http 404' }, text)
  }
})

t.test('a status that the contract has not for look-ups comes from somebody else', async (t) => {
  for (let status = 100; status < 600; status += 1) {
    if (status === 200 || status === 404) continue
    const kind = status === 429 || status >= 500 ? 'failed' : 'foreign'
    const answer = lookUpAnswer(answeredText('', status), ID)
    t.same(answer, { kind, detail: `http ${status}` })
  }
})

t.test('a look-up that is answered from a cache says nothing of the processor', async (t) => {
  for (const [status, body] of [
    [404, undefined],
    [200, FOUND],
    [503, undefined],
  ] as const) {
    const answer = lookUpAnswer({ ...answered(body, status), isCached: true }, ID)
    t.same(answer, { kind: 'foreign', detail: 'from a cache' }, String(status))
  }
})

t.test('no two look-ups have the same path, whichever client asks', async (t) => {
  const [one, other] = [createLookUpPaths(), createLookUpPaths()]

  const paths = Array.from({ length: 100 }, () => [one(ID), other(ID)]).flat()

  t.equal(new Set(paths).size, 200)
  for (const path of paths) t.match(path, new RegExp(`^/payments/${ID}\\?fresh=[\\da-z]{13,}$`))
})

t.test('a look-up that finds another id tells it', async (t) => {
  const other = '4A7901B8-7d26-4d9d-aa19-4dc1c7cf60b4'
  const answer = lookUpAnswer(answered({ ...FOUND, correlationId: other }), ID)

  t.match(answer, { kind: 'found', foreignId: other.toLowerCase(), amountCents: 1_990 })
  const noId = lookUpAnswer(answered({ ...FOUND, correlationId: 'none' }), ID)
  t.match(noId, { kind: 'foreign' })
})

t.test('a probe’s answer is valid only with a number as its duration', async (t) => {
  const unreadable = { kind: 'failed', detail: 'unreadable answer' }
  for (const minResponseTime of [null, '5', -1, [5]]) {
    const answer = probeAnswer(answered({ failing: false, minResponseTime }))
    t.same(answer, unreadable, JSON.stringify(minResponseTime))
  }
  for (const text of ['', 'null', '{"failing":false,"minResponseTime":1e999}']) {
    t.same(probeAnswer(answeredText(text)), unreadable, text)
  }
  t.same(probeAnswer(answered({ failing: 'no', minResponseTime: 5 })), unreadable)
  for (const minResponseMs of [0, 0.5, 5]) {
    const answer = probeAnswer(answered({ failing: true, minResponseTime: minResponseMs }))
    t.same(answer, { kind: 'answered', failing: true, minResponseMs })
  }
})
