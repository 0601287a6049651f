// The floor: a server that reads a payment and answers 202, and does nothing else. What the harness
// measures here is the harness and the machine.
//
//   node build/bench/measure/floor-server.js SOCKET

import uWS from 'uWebSockets.js'

const [socketPath = ''] = process.argv.slice(2)

uWS
  .App()
  .post('/payments', (response) => {
    response.onAborted(() => undefined)
    response.onData((_, isLast) => {
      if (isLast) response.cork(() => void response.writeStatus('202 Accepted').end())
    })
  })
  .listen_unix((token) => {
    if (token === false) throw new Error(`floor: cannot listen on ${socketPath}`)
  }, socketPath)
