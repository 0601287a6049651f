// The page: takes frames from the stream and passes each part to the module that draws it.

import { openAccess, showAccess } from './access.js'
import { openCommands, showOrders } from './commands.js'
import { openChart, showNoChart } from './chart.js'
import { listState, openDrawer, openPayment, showSheet } from './drawer.js'
import { byId, clockTime, sum, switchTimeZone, timeZone } from './format.js'
import { openKeys } from './keys.js'
import { openLive } from './live.js'
import { booksDiffer, showBooks, showInstances, showEvents } from './panels.js'
import { openOrderDialog } from './order-dialog.js'
import { findByBeginning, openPayments, showPayments } from './payments.js'
import { openPlots } from './plots.js'
import { showProcessors } from './processors.js'
import { openRoutes } from './routes.js'
import { showPanel } from './simulators.js'
import { openTiles, showTiles } from './tiles.js'

/** As many as the server keeps. */
const SECONDS_MAX = 600
const EVENTS_MAX = 60

let hello
let seconds = []
let events = []
let outages = []
let chart
/** Empty while the books agree. */
let booksTrouble = ''
let latest
/** Whether frames come, and which parts of the console a bug has stopped. */
let link = 'connecting'
let broken = []
/** Kept when the link is lost and another process answers, epoch ms. */
let lastAt

openAccess()
openOrderDialog()
openCommands()
byId('zone').textContent =
  `times in ${timeZone ?? Intl.DateTimeFormat().resolvedOptions().timeZone}`
byId('zone').addEventListener('click', switchTimeZone)
openTiles()
openDrawer()
openPayments()
openKeys()
const plots = openPlots()
openLive({ onMessage: take, onLink: showLink })
openChart(listState).then((opened) => {
  chart = opened
}, showNoChart)

openRoutes({ showScreen, showSheet })

byId('find').addEventListener('submit', (event) => {
  event.preventDefault()
  find(byId('find-id').value.trim().toLowerCase())
})

function showScreen({ screen, query }) {
  byId('live').hidden = screen !== 'live'
  byId('payments').hidden = screen !== 'payments'
  for (const link of document.querySelectorAll('nav [data-screen]')) {
    if (link.dataset.screen === screen) link.setAttribute('aria-current', 'page')
    else link.removeAttribute('aria-current')
  }
  showPayments(screen === 'payments' ? query : undefined)
}

/** A whole id, or the beginning of one. */
function find(id) {
  const shape = id.replace(/[\da-f]/g, 'x')
  const isWhole = shape === UUID_SHAPE
  const isBeginning = UUID_SHAPE.startsWith(shape) || /^x{1,32}$/.test(shape)
  byId('find-note').textContent = isBeginning ? '' : NO_ID
  if (isWhole) openPayment(id)
  else if (isBeginning && id !== '') findByBeginning(id)
}

const UUID_SHAPE = 'xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx'
const NO_ID = 'That is no UUID and no beginning of one: digits, a to f, and hyphens.'

function take(message) {
  if (message.type === 'hello') greet(message)
  else if (hello !== undefined) takeFrame(message)
}

/** Starts from nothing: after a break it may be another process, with other counts. */
function greet(message) {
  hello = message
  // Another process has other tokens, and perhaps other keys.
  void showAccess()
  seconds = []
  events = []
  outages = []
  latest = undefined
  chart?.forget()
  byId('where').textContent = message.instanceId
  showPanel(message.simulators === 'on')
  byId('inspector-link').hidden = message.inspected !== 'on'
  showTitle()
}

function takeFrame(frame) {
  latest = frame
  lastAt = frame.at
  seconds = [...seconds, ...frame.seconds].slice(-SECONDS_MAX)
  events = [...events, ...frame.events].slice(-EVENTS_MAX)
  outages = frame.outages ?? outages
  const { instances, books } = frame
  broken = frame.broken
  showStanding()
  const inDoubt = inDoubtAt(instances)
  booksTrouble = booksDiffer(books, inDoubt) ? 'books differ' : ''
  showTitle()
  if (!document.hidden) showFrame(frame)
}

function inDoubtAt(instances) {
  return sum(instances.map(({ gauges }) => gauges.byState.confirming ?? 0))
}

/** Nobody sees a hidden tab: nothing is drawn there, and all of it at its return. */
document.addEventListener('visibilitychange', () => {
  if (document.hidden) chart?.forget()
  else if (latest !== undefined) {
    showFrame(latest)
    plots.update({ seconds, fees: hello.fees, outages })
  }
})

function showFrame({ instances, transitions, open, totals, staleSince, books, ...fresh }) {
  const { fees, hasProcessorBooks, instanceId } = hello
  showTiles({ instances, open, totals, staleSince, seconds, fees })
  showProcessors({ instances, totals, fees, at: fresh.at })
  showInstances(instances)
  showOrders(instances)
  const [{ notReady } = {}] = instances
  showBooks({ books, hasProcessorBooks, inDoubt: inDoubtAt(instances), notReady })
  showEvents({ events, outages, instanceId })
  chart?.update(countsOf(instances, open, totals), transitions)
  if (fresh.seconds.length > 0) plots.update({ seconds, fees, outages })
  document.body.dataset.frames = String(Number(document.body.dataset.frames ?? 0) + 1)
}

/** Payments in work now, and those that are in the ledger; undefined: it did not say. */
function countsOf(instances, open, totals) {
  const counts = {}
  for (const { gauges } of instances) {
    for (const [state, payments] of Object.entries(gauges.byState)) {
      counts[state] = (counts[state] ?? 0) + payments
    }
    counts.pending = (counts.pending ?? 0) + gauges.ready
  }
  const settled = totals?.settled
  return {
    ...counts,
    settled: settled && settled.default.payments + settled.fallback.payments,
    rejected: totals?.rejected,
    parked: open?.parked,
  }
}

/** A tab that nobody looks at tells by its title. */
function showTitle() {
  const trouble = document.body.dataset.link === 'lost' ? 'disconnected' : booksTrouble
  const title = `${trouble === '' ? '' : `⚠ ${trouble}: `}Pit console, ${hello?.instanceId ?? ''}`
  if (document.title !== title) document.title = title
}

const WORDS = { live: 'live', partly: 'live, in part', lost: 'disconnected, trying again' }

/** What stands still on the page while a part of the console does. */
const STANDS_STILL = {
  collect: 'the other instances, the plots and outages',
  count: 'the totals',
  compare: 'Books',
  counters: 'what this instance counts',
  inspection: 'the messages between actors',
  sessions: 'the end of sessions',
}

function showLink(now) {
  // A session that has ended ends the stream as well.
  if (now === 'lost' && link !== now) void showAccess()
  link = now
  showStanding()
}

function showStanding() {
  const standing = link === 'live' && broken.length > 0 ? 'partly' : link
  const banner = byId('banner')
  const from = lastAt === undefined ? '' : ` These figures are from ${clockTime(lastAt)}.`
  const still = broken.map((part) => STANDS_STILL[part] ?? part).join('; ')
  const banners = {
    partly: `A bug has stopped a part of this console, its log has console.broken. What stands still: ${still}.`,
    lost: `Pit does not answer.${from} This page continues when Pit is back.`,
  }
  const words = banners[standing] ?? ''
  if (banner.textContent !== words) banner.textContent = words
  const isCalm = standing === 'live'
  if (banner.hidden !== isCalm) banner.hidden = isCalm
  if (document.body.dataset.link === standing) return
  document.body.dataset.link = standing
  showTitle()
  byId('link').textContent = WORDS[standing]
}
