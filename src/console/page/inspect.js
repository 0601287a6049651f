// Hands Pit's inspection messages, as they are, to Stately's inspector in the frame.

const STATELY = 'https://stately.ai'
const RETRY_MS = 2_000

/** Messages kept while the inspector loads; the first ones are the long-lived actors. */
const WAITING_MAX = 5_000

/** How long the inspector may take to load before the page says what may be missing, ms. */
const ABSENT_MS = 5_000

const frame = document.getElementById('inspector')
const absent = document.getElementById('absent')
let waiting = []
let isThere = false
let passed = 0

window.addEventListener('message', ({ source, data }) => {
  if (source !== frame.contentWindow || data?.type !== '@statelyai.connected') return
  isThere = true
  absent.hidden = true
  for (const message of waiting) pass(message)
  waiting = []
})

document.getElementById('again').addEventListener('click', load)

connect()
load()
setInterval(() => {
  const words = isThere ? `${passed} messages passed on` : `${waiting.length} messages wait`
  document.getElementById('note').textContent = words
}, 1_000)

/**
 * Set here and not in the page: the inspector announces itself once, perhaps before this script
 * runs.
 */
function load() {
  absent.hidden = true
  // It has another origin, so that it cannot be told to reload.
  frame.src = `${STATELY}/inspect`
  setTimeout(() => {
    absent.hidden = isThere
  }, ABSENT_MS)
}

function connect() {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
  const socket = new WebSocket(`${scheme}://${location.host}/inspect/ws`)
  socket.addEventListener('open', () => showLink('live', 'live'))
  socket.addEventListener('message', ({ data }) => take(JSON.parse(data)))
  socket.addEventListener('close', () => {
    showLink('lost', 'disconnected, trying again')
    setTimeout(connect, RETRY_MS)
  })
}

function take(message) {
  if (isThere) pass(message)
  else if (waiting.length < WAITING_MAX) waiting.push(message)
}

function pass(message) {
  passed += 1
  frame.contentWindow.postMessage(message, STATELY)
}

function showLink(link, words) {
  document.body.dataset.link = link
  document.getElementById('link').textContent = words
}
