// The last minutes as plots, a second a point, on uPlot.

import { timeZone } from './format.js'
import { shadeOutages } from './outages.js'
import { order } from './tiles.js'
import uPlot from './uplot.js'

const DARK = matchMedia('(prefers-color-scheme: dark)')

/** Seconds shown, at most and at least. */
const SHOWN = 300
const SHOWN_MIN = 60

const HEIGHT = 180

/** What is drawn now. */
let latest = { seconds: [], fees: {}, outages: [] }

export function openPlots() {
  const places = [...document.querySelectorAll('[data-plot]')]
  let plots = places.map(openPlot)
  const update = (shown) => {
    latest = shown
    const { seconds, fees } = shown
    for (const { plot, lines } of plots) {
      plot.setData(dataOf(seconds, lines, fees))
      // Away from the pointer the legend says how it is now.
      if (!(plot.cursor.left >= 0)) plot.setLegend({ idx: plot.data[0].length - 1 }, false)
    }
  }
  DARK.addEventListener('change', () => {
    for (const { plot } of plots) plot.destroy()
    plots = places.map(openPlot)
    update(latest)
  })
  return { update }
}

function openPlot(place) {
  const { lines, scale } = PLOTS[place.dataset.plot]
  const plot = new uPlot(optionsOf(lines, scale, place.clientWidth), dataOf([], lines), place)
  new ResizeObserver(() => {
    if (place.clientWidth > 0) plot.setSize({ width: place.clientWidth, height: HEIGHT })
  }).observe(place)
  return { plot, lines }
}

function optionsOf(lines, scale, width) {
  return {
    width: Math.max(width, 100),
    height: HEIGHT,
    cursor: { y: false, points: { size: 5 } },
    legend: { live: true, markers: { width: 3, dash: markOf } },
    padding: [8, 26, 0, 0],
    hooks: { drawClear: [(plot) => shadeOutages(plot, latest.outages, color)] },
    scales: {
      x: { range: lastMinutes },
      y: scale === 'log' ? { distr: 3, range: logRange } : { range: linearRange },
    },
    axes: axesOf(scale),
    series: [{ label: 'at', value: (_, at) => (at === null ? '–' : clock(at, 's')) }].concat(
      lines.map((line) => ({
        label: line.label,
        stroke: color(line.color),
        width: line.dash === undefined ? 1.7 : 1.2,
        ...(line.dash === undefined ? {} : { dash: line.dash }),
        points: { show: true, size: 4, filter: lonely },
        spanGaps: false,
        value: (_, value) => (value === null || value === undefined ? '–' : short(value)),
      })),
    ),
  }
}

/** The legend's mark is as dashed as its line. */
function markOf(plot, series) {
  return plot.series[series].dash === undefined ? 'solid' : 'dashed'
}

function axesOf(scale) {
  const axis = {
    stroke: color('--soft'),
    grid: { stroke: color('--line'), width: 1 },
    ticks: { show: false },
    font: '11px sans-serif',
  }
  const times = {
    values: (_, splits) => splits.map(clock),
    incrs: [15, 30, 60, 120, 300],
    space: 64,
  }
  const numbers = { values: (_, splits) => splits.map(short), ...splitsOf(scale) }
  return [
    { ...axis, ...times, grid: { show: false }, size: 28 },
    { ...axis, ...numbers, size: 46 },
  ]
}

/** Values between two gaps: a line would not show them. */
function lonely(plot, series) {
  const values = plot.data[series]
  const isGap = (index) => values[index] === null || values[index] === undefined
  return [...values.keys()].filter((index) => !isGap(index) && isGap(index - 1) && isGap(index + 1))
}

/** A line per power of ten is enough. */
function splitsOf(scale) {
  if (scale !== 'log') return {}
  const splits = (_, __, min, max) => {
    const first = Math.round(Math.log10(min))
    const steps = Math.round(Math.log10(max)) - first
    return Array.from({ length: steps + 1 }, (___, index) => 10 ** (first + index))
  }
  return { splits }
}

/** All there is, up to the last minutes; a page just opened does not stretch its first seconds. */
function lastMinutes(_, min, max) {
  const end = max ?? Date.now() / 1000
  return [Math.min(end - SHOWN_MIN, Math.max(end - SHOWN, min ?? end)), end]
}

function linearRange(_, __, max) {
  return [0, Math.max(4, (max ?? 0) * 1.1)]
}

function logRange(_, min, max) {
  if (!(max > 0)) return [0.1, 100]
  const first = Math.floor(Math.log10(min))
  return [10 ** first, 10 ** Math.max(first + 1, Math.ceil(Math.log10(max * 1.05)))]
}

function dataOf(seconds, lines, fees) {
  const shown = seconds.slice(-SHOWN)
  const at = shown.map((second) => second.at / 1000)
  return [at, ...lines.map(({ read }) => shown.map((second) => read(second, fees) ?? null))]
}

function clock(at, unit) {
  const text = new Date(at * 1000).toLocaleTimeString('en-GB', { timeZone })
  return unit === 's' || at % 60 !== 0 ? text : text.slice(0, 5)
}

function short(value) {
  if (value === null || value === undefined) return ''
  if (value >= 1e6) return `${Number((value / 1e6).toFixed(1))}M`
  if (value >= 1000) return `${Number((value / 1000).toFixed(1))}k`
  if (value >= 10 || Number.isInteger(value)) return String(Math.round(value))
  return value.toFixed(value < 1 ? 2 : 1)
}

function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim()
}

const DASH = [3, 3]

/** What each plot shows, by its `data-plot`: lines with colours, each read from a second. */
const PLOTS = {
  rate: {
    lines: [
      { label: 'accepted', color: '--soft', read: (second) => second.accepted },
      { label: 'settled, default', color: '--default', read: (second) => second.settledDefault },
      { label: 'settled, fallback', color: '--fallback', read: (second) => second.settledFallback },
    ],
  },
  latency: {
    scale: 'log',
    lines: [
      { label: 'accept p99', color: '--accent', read: (second) => second.acceptP99 },
      { label: 'accept p50', color: '--accent', dash: DASH, read: (second) => second.acceptP50 },
      { label: 'settle p99', color: '--doubt', read: (second) => second.settleP99 },
      { label: 'settle p50', color: '--doubt', dash: DASH, read: (second) => second.settleP50 },
    ],
  },
  response: {
    scale: 'log',
    lines: [
      { label: 'default', color: '--default', read: (second) => second.responseDefault || null },
      { label: 'fallback', color: '--fallback', read: (second) => second.responseFallback || null },
    ],
  },
  backlog: {
    lines: [
      { label: 'in memory', color: '--soft', read: (second) => second.waiting },
      { label: 'in the database', color: '--accent', read: (second) => second.parked },
      { label: 'in doubt', color: '--doubt', read: (second) => second.inDoubt },
    ],
  },
  trouble: {
    lines: [
      { label: 'failed, default', color: '--default', read: (second) => second.failedDefault },
      { label: 'failed, fallback', color: '--fallback', read: (second) => second.failedFallback },
      { label: 'rejected', color: '--bad', read: (second) => second.rejected },
      { label: 'refused (503)', color: '--soft', dash: DASH, read: (second) => second.refused },
    ],
  },
  fees: {
    lines: [
      { label: 'paid', color: '--fallback', read: paid },
      { label: 'saved', color: '--good', read: saved },
    ],
  },
}

/** Fees of one second, in whole units of money. */
function paid({ centsDefault, centsFallback }, fees) {
  return (centsDefault * fees.default + centsFallback * fees.fallback) / 100
}

/** Against paying all of it at the dearer processor. */
function saved({ centsDefault, centsFallback }, fees) {
  const { cheaper, dearer } = order(fees)
  const cents = cheaper === 'default' ? centsDefault : centsFallback
  return (cents * (fees[dearer] - fees[cheaper])) / 100
}
