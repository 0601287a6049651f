// What each plot shows: its lines with their colours, and how each is read out of a second.

import { order } from './tiles.js'

const DASH = [3, 3]

/** By the name that the page gives to each plot's place. */
export const PLOTS = {
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

/** Of one second, in whole units of money. */
function paid({ centsDefault, centsFallback }, fees) {
  return (centsDefault * fees.default + centsFallback * fees.fallback) / 100
}

/** Against paying all of it at the dearer processor. */
function saved({ centsDefault, centsFallback }, fees) {
  const { cheaper, dearer } = order(fees)
  const cents = cheaper === 'default' ? centsDefault : centsFallback
  return (cents * (fees[dearer] - fees[cheaper])) / 100
}
