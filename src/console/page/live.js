// The stream of frames, for as long as the page is open: when it breaks off it is opened again.

const RETRY_MS = 500
const RETRY_MAX_MS = 5_000

/** Without a frame for this long the link counts as lost, ms; frames come twice a second. */
const SILENT_MS = 4_000

/** Calls `onMessage` with each message and `onLink` with `live` or `lost` when that changes. */
export function openLive({ onMessage, onLink }) {
  let retryMs = RETRY_MS
  let socket
  let lastAt = performance.now()
  const connect = () => {
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
    const own = new WebSocket(`${scheme}://${location.host}/console/ws`)
    socket = own
    lastAt = performance.now()
    own.addEventListener('message', ({ data }) => {
      if (own !== socket) return
      lastAt = performance.now()
      retryMs = RETRY_MS
      onLink('live')
      onMessage(JSON.parse(data))
    })
    own.addEventListener('close', () => {
      if (own === socket) again()
    })
  }
  const again = () => {
    onLink('lost')
    socket = undefined
    setTimeout(connect, retryMs)
    retryMs = Math.min(RETRY_MAX_MS, retryMs * 2)
  }
  setInterval(() => {
    if (socket === undefined || performance.now() - lastAt < SILENT_MS) return
    const silent = socket
    again()
    silent.close()
  }, 1_000)
  connect()
}
