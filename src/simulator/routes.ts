// All routes of a simulator. Each instance has its own app: closing one leaves the others alone.

import uWS from 'uWebSockets.js'
import type { TemplatedApp } from 'uWebSockets.js'
import { addAdminRoutes } from './admin.ts'
import { receiveCharge } from './charge.ts'
import { Responder } from './responder.ts'
import { receiveLookUp, receiveProbe } from './look-up.ts'
import type { SimulatorState } from './state.ts'

export function createApp(state: SimulatorState): TemplatedApp {
  const app = uWS.App()
  app.post('/payments', (res, req) => receiveCharge(state, res, req))
  app.get('/payments/service-health', (res) => receiveProbe(state, res))
  app.get('/payments/:id', (res, req) => receiveLookUp(state, res, req))
  addAdminRoutes(app, state)
  app.any('/*', (res) => new Responder(res).answer({ status: 404 }))
  return app
}
