import fc from 'fast-check'
import t from 'tap'
import { parseInstant, parseWindow } from '../../../src/http/request/time-window.ts'
import { holdsAlways } from '../../support/property.ts'

t.test('an instant is read with any offset, to the millisecond', async (t) => {
  const at = Date.UTC(2025, 7, 9, 12, 0, 0, 0)
  const same = ['12:00:00.000Z', '12:00Z', '12:00:00Z', '14:00:00.0+02:00', '06:30:00-05:30']
  for (const text of same) t.equal(parseInstant(`2025-08-09T${text}`, 'up'), at, text)
  t.equal(parseInstant('2025-08-09t12:00:00.5z', 'up'), at + 500)
  t.equal(parseInstant('2024-02-29T00:00:00Z', 'up'), Date.UTC(2024, 1, 29))
})

t.test('digits finer than a millisecond are rounded into the window', async (t) => {
  const at = Date.UTC(2025, 7, 9, 12, 0, 0, 1)
  t.equal(parseInstant('2025-08-09T12:00:00.001000001Z', 'up'), at + 1)
  t.equal(parseInstant('2025-08-09T12:00:00.001999999Z', 'down'), at)
  t.equal(parseInstant('2025-08-09T12:00:00.001000000Z', 'up'), at)
  t.equal(parseInstant('2025-08-09T12:00:00.9999Z', 'up'), Date.UTC(2025, 7, 9, 12, 0, 1))
})

t.test('a text that is not an instant is refused', async (t) => {
  const dates = ['2025-08-09', '2025-08-09T12:00:00', '2025-8-9T12:00:00Z', '2025-08-09 12:00:00Z']
  const times = ['2025-02-30T12:00:00Z', '2025-13-01T00:00:00Z', '2025-08-09T24:00:00Z']
  const rest = ['', '0', '1754740800000', '2025-08-09T12:00:60Z', '2025-08-09T12:00:00+2', 'now']
  const beside = ['x2025-08-09T12:00:00Z', '12025-08-09T12:00:00Z', '2025-08-09T12:00:00Zx']
  for (const text of [...dates, ...times, ...rest, ...beside, '2025-08-09T12:00:00+24:00']) {
    t.equal(parseInstant(text, 'up'), undefined, text)
  }
})

t.test('an instant that JavaScript prints is read back as the same instant', async (t) => {
  const instants = fc.date({
    min: new Date('0001-01-01'),
    max: new Date(253402300799999),
    noInvalidDate: true,
  })
  holdsAlways(
    t,
    fc.property(instants, (date) => {
      return parseInstant(date.toISOString(), 'down') === date.getTime()
    }),
  )
})

t.test('a window has two bounds, one or none', async (t) => {
  const from = '2025-08-09T12:00:00.000Z'
  t.same(parseWindow(''), { kind: 'window', window: {} })
  t.same(parseWindow(`from=${from}`), { kind: 'window', window: { from: Date.parse(from) } })
  t.same(parseWindow(`to=${encodeURIComponent(from)}&`), {
    kind: 'window',
    window: { to: Date.parse(from) },
  })
  t.match(parseWindow('from=2025-08-09T14:00:00+02:00'), { window: { from: Date.parse(from) } })
  t.match(parseWindow('from=2025-08-09T14:00:00%2B02:00'), { window: { from: Date.parse(from) } })
})

t.test('nothing outside of a window with finer ends is inside', async (t) => {
  const at = Date.UTC(2025, 7, 9, 12, 0, 0, 1)
  const finer = '2025-08-09T12:00:00.0014Z'
  t.same(parseWindow(`from=${finer}&to=${finer}`), {
    kind: 'window',
    window: { from: at + 1, to: at },
  })
})

t.test('the fault of a window says what is wrong with it', async (t) => {
  const at = '2025-08-09T12:00:00Z'
  for (const name of ['from', 'to']) {
    t.match(parseWindow(`${name}=now`), { detail: `${name} is not an ISO-8601 instant` })
    t.match(parseWindow(`${name}=${at}&${name}=${at}`), {
      detail: `${name} occurs more than once.`,
    })
  }
  t.match(parseWindow(`form=${at}`), { detail: 'Only from and to can be asked for.' })
})

t.test('a misspelt window is a fault', async (t) => {
  const at = '2025-08-09T12:00:00Z'
  for (const query of [
    'from',
    'from=',
    'from=%',
    'from=%ff',
    'from=now',
    `from=${at}&from=${at}`,
  ]) {
    t.match(parseWindow(query), { kind: 'fault', field: 'from' }, query)
  }
})

t.test('the fault of an unknown parameter names it, if it is a plain name', async (t) => {
  const at = '2025-08-09T12:00:00Z'
  for (const name of ['form', 'x', 'From', '__proto__']) {
    t.match(parseWindow(`${name}=${at}`), { kind: 'fault', field: name })
    t.match(parseWindow(`from=${at}&${name}`), { kind: 'fault', field: name })
  }
  for (const query of ['=', '<b>=1', '%66orm=1', `${'x'.repeat(41)}=1`]) {
    t.match(parseWindow(query), { kind: 'fault', field: undefined }, query)
  }
})

t.test('no query makes the parser throw', async (t) => {
  holdsAlways(
    t,
    fc.property(fc.string({ unit: 'binary' }), (query) => parseWindow(query) !== undefined),
  )
})
