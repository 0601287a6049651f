// The figures at the top: of all payments in the ledger, and as of now.

import { amount, byId, clockTime, count, element, percent } from './format.js'
import { roughAmount, setAttribute, sum, write } from './format.js'

/** In their order on the page; all are there from the start, so that nothing moves later. */
const TILES = {
  accepted: 'Accepted',
  settled: 'Settled',
  waiting: 'Waiting',
  doubt: 'In doubt',
  rejected: 'Rejected',
  refused: 'Refused',
  paid: 'Fees paid',
  saved: 'Fees saved',
}

const tiles = new Map()

export function openTiles() {
  for (const [name, title] of Object.entries(TILES)) tiles.set(name, make(name, title))
}

/** What has happened to payments is the ledger's own count; only `refused` begins with the start. */
export function showTiles({ instances, open, totals, staleSince, seconds, fees }) {
  const all = (read) => sum(instances.map(read))
  const ready = all(({ gauges }) => gauges.ready)
  const inDoubt = all(({ gauges }) => gauges.byState.confirming ?? 0)
  const refused = all((instance) => instance.refused)
  const since = clockTime(Math.min(...instances.map(({ startedAt }) => startedAt)))
  const parked = open === null ? NOBODY_KNOWS : `${count(open.parked)} in the database`
  set('waiting', count(ready + (open?.parked ?? 0)), parked)
  set('doubt', count(inDoubt), 'being looked up', inDoubt > 0 ? 'doubt' : undefined)
  set('refused', count(refused), `answered 503 since ${since}`, refused > 0 ? 'bad' : undefined)
  if (totals !== null) showTotals(totals, { staleSince, seconds, fees })
}

const NOBODY_KNOWS = 'those in the database unknown'

function showTotals({ payments, settled, rejected }, { staleSince, seconds, fees }) {
  const stale = staleSince === null ? undefined : `not renewed since ${clockTime(staleSince)}`
  const { cheaper, dearer } = order(fees)
  const paid = settled.default.cents * fees.default + settled.fallback.cents * fees.fallback
  const saved = settled[cheaper].cents * (fees[dearer] - fees[cheaper])
  const total = settled.default.payments + settled.fallback.payments
  const share = total === 0 ? '' : `${percent(settled[cheaper].payments / total)} at ${cheaper}`
  set('accepted', count(payments), stale ?? rate(seconds, acceptedOf))
  set('settled', count(total), stale ?? rate(seconds, settledOf), 'good')
  set('rejected', count(rejected), 'denied by both', rejected > 0 ? 'bad' : undefined)
  set('paid', roughAmount(paid), share)
  set('saved', roughAmount(saved), `against ${dearer} only`, 'good')
  setAttribute(tiles.get('paid').box, 'title', amount(paid))
  setAttribute(tiles.get('saved').box, 'title', amount(saved))
}

export function order(fees) {
  return fees.default <= fees.fallback
    ? { cheaper: 'default', dearer: 'fallback' }
    : { cheaper: 'fallback', dearer: 'default' }
}

const acceptedOf = (second) => second.accepted
const settledOf = (second) => second.settledDefault + second.settledFallback

/** The mean of the last seconds, so that it does not change too fast to be read. */
function rate(seconds, read) {
  const last = seconds.slice(-3)
  return last.length === 0 ? '' : `${count(sum(last.map(read)) / last.length)} a second`
}

function set(name, value, note, tone = '') {
  const { box, ...tile } = tiles.get(name)
  write(tile.value, value)
  write(tile.note, note)
  setAttribute(tile.value, 'style', `--chars: ${value.length}`)
  setAttribute(box, 'data-tone', tone)
}

function make(name, title) {
  const value = element('dd', { style: '--chars: 1' }, '–')
  const note = element('dd', { class: 'note' }, '\u00a0')
  const box = element('div', { class: 'tile', 'data-tile': name })
  box.append(element('dt', {}, title), value, note)
  byId('tiles').append(box)
  return { box, value, note }
}
