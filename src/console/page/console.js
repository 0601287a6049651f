// The page: takes frames from the stream and passes each part to the module that draws it.

import { openAccess, showAccess } from './access.js'
import { openCommands, showOrders } from './commands.js'
import { openChart, showNoChart } from './chart.js'
import { listState, openDrawer, openPayment } from './drawer.js'
import { byId, clockTime, sum } from './format.js'
import { openLive } from './live.js'
import { showBooks, showInstances, showEvents } from './panels.js'
import { openPlots } from './plots.js'
import { showProcessors } from './processors.js'
import { showPanel } from './simulators.js'
import { openTiles, showTiles } from './tiles.js'

/** As many as the server keeps. */
const SECONDS_MAX = 600
const EVENTS_MAX = 60

let hello
let seconds = []
let events = []
let chart
let lastAt

openAccess()
openCommands()
openTiles()
openDrawer()
const plots = openPlots()
openLive({ onMessage: take, onLink: showLink })
openChart(listState).then((opened) => {
  chart = opened
}, showNoChart)

byId('find').addEventListener('submit', (event) => {
  event.preventDefault()
  const id = byId('find-id').value.trim()
  if (id !== '') openPayment(id)
})

function take(message) {
  if (message.type === 'hello') greet(message)
  else if (hello !== undefined) showFrame(message)
}

/** Starts from nothing: after a break it may be another process, with other counts. */
function greet(message) {
  hello = message
  // Another process has other tokens, and perhaps other keys.
  void showAccess()
  seconds = []
  events = []
  chart?.forget()
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone
  byId('where').textContent = `${message.instanceId}, times in ${zone}`
  showPanel(message.simulators === 'on')
  byId('inspector-link').hidden = message.inspected !== 'on'
  document.title = `Pit console, ${message.instanceId}`
}

function showFrame({ instances, transitions, open, books, ...fresh }) {
  lastAt = fresh.at
  seconds = [...seconds, ...fresh.seconds].slice(-SECONDS_MAX)
  events = [...events, ...fresh.events].slice(-EVENTS_MAX)
  const { fees, hasProcessorBooks, instanceId } = hello
  showTiles({ instances, open, seconds, fees })
  showProcessors({ instances, fees, at: fresh.at })
  showInstances(instances)
  showOrders(instances)
  const inDoubt = sum(instances.map(({ gauges }) => gauges.byState.confirming ?? 0))
  showBooks({ books, hasProcessorBooks, inDoubt })
  showEvents(events, instanceId)
  chart?.update(countsOf(instances, transitions, open), transitions)
  if (fresh.seconds.length > 0) plots.update(seconds, fees)
  document.body.dataset.frames = String(Number(document.body.dataset.frames ?? 0) + 1)
}

/** Payments in work now, settled and rejected since the start, and parked in the database. */
function countsOf(instances, transitions, open) {
  const counts = {}
  for (const { gauges } of instances) {
    for (const [state, payments] of Object.entries(gauges.byState)) {
      counts[state] = (counts[state] ?? 0) + payments
    }
    counts.pending = (counts.pending ?? 0) + gauges.ready
  }
  const into = (state) =>
    sum(
      Object.keys(transitions).map((name) => (name.endsWith(`>${state}`) ? transitions[name] : 0)),
    )
  return { ...counts, settled: into('settled'), rejected: into('rejected'), parked: open?.parked }
}

const LINKS = { live: 'live', lost: 'disconnected, trying again' }

function showLink(link) {
  if (document.body.dataset.link === link) return
  // A session that has ended ends the stream as well.
  if (link === 'lost') void showAccess()
  document.body.dataset.link = link
  byId('link').textContent = LINKS[link]
  const banner = byId('banner')
  banner.hidden = link === 'live'
  const from = lastAt === undefined ? '' : ` These figures are from ${clockTime(lastAt)}.`
  banner.textContent = `Pit does not answer.${from} This page continues when Pit is back.`
}
