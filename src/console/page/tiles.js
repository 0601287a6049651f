// The figures at the top: since the instances started, and as of now.

import { amount, byId, count, element, percent } from './format.js'
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

export function showTiles({ instances, open, seconds, fees }) {
  const all = (read) => sum(instances.map(read))
  const cents = (name) => all(({ processors }) => processors[name].settledCents)
  const settled = (name) => all(({ processors }) => processors[name].settled)
  const { cheaper, dearer } = order(fees)
  const paid = cents('default') * fees.default + cents('fallback') * fees.fallback
  const saved = cents(cheaper) * (fees[dearer] - fees[cheaper])
  const ready = all(({ gauges }) => gauges.ready)
  const parked = open?.parked ?? 0
  const inDoubt = all(({ gauges }) => gauges.byState.confirming ?? 0)
  const rejected = all((instance) => instance.rejected)
  const refused = all((instance) => instance.refused)
  const total = settled('default') + settled('fallback')
  const share = total === 0 ? '' : `${percent(settled(cheaper) / total)} at ${cheaper}`
  set('accepted', count(all(({ accepted }) => accepted)), rate(seconds, acceptedOf))
  set('settled', count(total), rate(seconds, settledOf), 'good')
  set('waiting', count(ready + parked), `${count(parked)} in the database`)
  set('doubt', count(inDoubt), 'being looked up', inDoubt > 0 ? 'doubt' : undefined)
  set('rejected', count(rejected), 'for good', rejected > 0 ? 'bad' : undefined)
  set('refused', count(refused), 'answered 503', refused > 0 ? 'bad' : undefined)
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
