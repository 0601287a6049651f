// Outages: their lines among what happened, and their times as shades on the plots.

import { clockTime, count, duration, element } from './format.js'

/** What was out, with the words for it and for what it met; its colour on the plots. */
const KINDS = {
  default: { color: '--default', is: 'is out', was: 'was out', met: 'charge' },
  fallback: { color: '--fallback', is: 'is out', was: 'was out', met: 'charge' },
  PostgreSQL: { color: '--bad', is: 'does not commit', was: 'did not commit', met: 'write' },
  Redis: { color: '--doubt', is: 'fails', was: 'failed', met: 'call' },
}

/** Those that are running first, then the newest. */
export function whatHappened(outages, events) {
  const lines = outages.map((outage) => ({ at: orderOf(outage), line: outageLine(outage) }))
  return [...lines, ...events.map((event) => ({ at: event.at, line: eventLine(event) }))]
    .sort((one, other) => other.at - one.at)
    .map(({ line }) => line)
}

function orderOf({ state, from }) {
  return state === 'running' ? Infinity : from
}

function outageLine({ of, from, to, state, met }) {
  const { is, was, met: unit } = KINDS[of]
  const isRunning = state === 'running'
  const length = duration(to - from)
  const said = isRunning ? `${is}, ${length} so far` : `${was} for ${length}`
  const failed = `${count(met)} ${unit}${met === 1 ? '' : 's'} failed`
  const then = state === 'untried' ? '; ready to be tried' : ''
  return line(from, isRunning ? 'bad' : 'plain', `${of} ${said}, ${failed}${then}`)
}

function eventLine({ at, text, tone }) {
  return line(at, tone, text)
}

function line(at, tone, text) {
  const time = element('time', {}, clockTime(at))
  return element('li', {}, time, element('span', { 'data-tone': tone }, text))
}

/** How strongly an outage is shaded, 0 to 1, and its bar at the top, which tells several apart, px. */
const SHADE = 0.14
const BAR = 4

/** Draws under the lines of a plot. `colorOf` resolves the name of a colour. */
export function shadeOutages(plot, outages, colorOf) {
  const { ctx, bbox } = plot
  ctx.save()
  for (const { of, from, to } of outages) {
    const [begin, end] = [from, to].map((at) => plot.valToPos(at / 1000, 'x', true))
    const left = Math.max(bbox.left, begin)
    const right = Math.min(bbox.left + bbox.width, Math.max(end, begin + 2))
    if (right <= left) continue
    const row = Object.keys(KINDS).indexOf(of)
    ctx.fillStyle = colorOf(KINDS[of].color)
    ctx.fillRect(left, bbox.top + row * BAR, right - left, BAR)
    ctx.globalAlpha = SHADE
    ctx.fillRect(left, bbox.top, right - left, bbox.height)
    ctx.globalAlpha = 1
  }
  ctx.restore()
}
