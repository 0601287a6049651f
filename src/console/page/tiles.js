// The figures at the top: since the instances started, and as of now.

import { amount, byId, count, element, percent, sum } from './format.js'

const tiles = new Map()

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
  set('accepted', 'Accepted', count(all(({ accepted }) => accepted)), rate(seconds, acceptedOf))
  set('settled', 'Settled', count(total), rate(seconds, settledOf), 'good')
  set('waiting', 'Waiting', count(ready + parked), `${count(parked)} in the database`)
  set('doubt', 'In doubt', count(inDoubt), 'being asked for', inDoubt > 0 ? 'doubt' : undefined)
  set('rejected', 'Rejected', count(rejected), 'for good', rejected > 0 ? 'bad' : undefined)
  set('refused', 'Refused', count(refused), 'answered 503', refused > 0 ? 'bad' : undefined)
  set('paid', 'Fees paid', amount(paid), share)
  set('saved', 'Fees saved', amount(saved), `against ${dearer} only`, 'good')
}

export function order(fees) {
  return fees.default <= fees.fallback
    ? { cheaper: 'default', dearer: 'fallback' }
    : { cheaper: 'fallback', dearer: 'default' }
}

const acceptedOf = (second) => second.accepted
const settledOf = (second) => second.settledDefault + second.settledFallback

/** Over the last seconds, so that it can be read. */
function rate(seconds, read) {
  const last = seconds.slice(-3)
  return last.length === 0 ? '' : `${count(sum(last.map(read)) / last.length)} a second`
}

function set(name, title, value, note, tone) {
  const tile = tiles.get(name) ?? make(name, title)
  tile.value.textContent = value
  tile.note.textContent = note
  if (tone === undefined) delete tile.box.dataset.tone
  else tile.box.dataset.tone = tone
}

function make(name, title) {
  const value = element('dd')
  const note = element('dd', { class: 'note' })
  const box = element('div', { class: 'tile', 'data-tile': name })
  box.append(element('dt', {}, title), value, note)
  byId('tiles').append(box)
  const tile = { box, value, note }
  tiles.set(name, tile)
  return tile
}
