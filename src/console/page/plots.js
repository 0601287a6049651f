// The last minutes as plots, a second a point, on uPlot.

import uPlot from './uplot.js'

const DARK = matchMedia('(prefers-color-scheme: dark)')

/** By the name that the page gives to each plot's place. */
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
      { label: 'accept p50', color: '--default', read: (second) => second.acceptP50 },
      { label: 'accept p99', color: '--accent', read: (second) => second.acceptP99 },
      { label: 'settle p50', color: '--fallback', read: (second) => second.settleP50 },
      { label: 'settle p99', color: '--bad', read: (second) => second.settleP99 },
    ],
  },
  response: {
    scale: 'log',
    lines: [
      { label: 'default', color: '--default', read: (second) => second.responseDefault || null },
      { label: 'fallback', color: '--fallback', read: (second) => second.responseFallback || null },
    ],
  },
  trouble: {
    lines: [
      { label: 'in memory', color: '--soft', read: (second) => second.waiting },
      { label: 'in doubt', color: '--doubt', read: (second) => second.inDoubt },
      { label: 'failed, default', color: '--default', read: (second) => second.failedDefault },
      { label: 'failed, fallback', color: '--fallback', read: (second) => second.failedFallback },
    ],
  },
}

/** Seconds shown. */
const SHOWN = 300

const HEIGHT = 190

export function openPlots() {
  const places = [...document.querySelectorAll('[data-plot]')]
  let plots = places.map(openPlot)
  let latest = []
  const update = (seconds) => {
    latest = seconds
    for (const { plot, lines } of plots) {
      plot.setData(dataOf(seconds, lines))
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
  const axis = {
    stroke: color('--soft'),
    grid: { stroke: color('--line'), width: 1 },
    ticks: { show: false },
    font: '11px sans-serif',
  }
  return {
    width: Math.max(width, 100),
    height: HEIGHT,
    cursor: { y: false, points: { size: 5 } },
    legend: { live: true, markers: { width: 3 } },
    padding: [8, 18, 0, 0],
    scales: { y: scale === 'log' ? { distr: 3, range: logRange } : { range: linearRange } },
    axes: [
      {
        ...axis,
        grid: { show: false },
        values: (_, splits) => splits.map(minutes),
        space: 70,
        size: 28,
      },
      { ...axis, size: 46, values: (_, splits) => splits.map(short), ...splitsOf(scale) },
    ],
    series: [{ label: 'at', value: (_, at) => (at === null ? '–' : minutes(at, 's')) }].concat(
      lines.map((line) => ({
        label: line.label,
        stroke: color(line.color),
        width: 1.6,
        points: { show: false },
        spanGaps: false,
        value: (_, value) => (value === null || value === undefined ? '–' : short(value)),
      })),
    ),
  }
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

function linearRange(_, __, max) {
  return [0, Math.max(4, (max ?? 0) * 1.1)]
}

function logRange(_, min, max) {
  if (!(max > 0)) return [0.1, 100]
  const first = Math.floor(Math.log10(min))
  return [10 ** first, 10 ** Math.max(first + 1, Math.ceil(Math.log10(max * 1.05)))]
}

function dataOf(seconds, lines) {
  const shown = seconds.slice(-SHOWN)
  const at = shown.map((second) => second.at / 1000)
  return [at, ...lines.map(({ read }) => shown.map((second) => read(second) ?? null))]
}

function minutes(at, unit) {
  const text = new Date(at * 1000).toLocaleTimeString('en-GB')
  return unit === 's' || at % 60 !== 0 ? text : text.slice(0, 5)
}

function short(value) {
  if (value === null || value === undefined) return ''
  if (value >= 1000) return `${Number((value / 1000).toFixed(1))}k`
  if (value >= 10 || Number.isInteger(value)) return String(Math.round(value))
  return value.toFixed(value < 1 ? 2 : 1)
}

function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim()
}
