import t from 'tap'
import type { Fact } from '../../../src/actors/model/facts.ts'
import { LEDGER_WINDOW_MS } from '../../../src/infra/process/ledger-log.ts'
import { startFactsLog } from '../../support/facts-log.ts'

function failed(operation: string, cause = 'it is away'): Fact {
  return { type: 'ledger.failed', operation, cause }
}

t.test(
  'a failure of the ledger is told at once, its repeats every 10 s with a count',
  async (t) => {
    const { lines, emit, pass } = startFactsLog('ledger.')
    emit(failed('lease'), failed('record'), failed('lease', 'it is slow'))
    const told = { msg: 'ledger.failed', level: 'warn' }
    t.match(lines(), [
      { ...told, operation: 'lease', cause: 'it is away' },
      { ...told, operation: 'record', cause: 'it is away' },
      { ...told, operation: 'lease', cause: 'it is slow' },
    ])

    for (let times = 0; times < 200; times += 1) emit(failed('lease'))
    pass(LEDGER_WINDOW_MS - 1)
    t.equal(lines().length, 3, 'repeats are gathered')
    pass(1)
    const gathered = {
      msg: 'ledger.failing',
      level: 'warn',
      operation: 'lease',
      cause: 'it is away',
    }
    t.match(lines().slice(3), [{ ...gathered, times: 200, forMs: LEDGER_WINDOW_MS }])

    emit(failed('lease'))
    pass(LEDGER_WINDOW_MS)
    t.match(lines()[4], { ...gathered, times: 1 })
    pass(LEDGER_WINDOW_MS)
    t.equal(lines().length, 5, 'a quiet time has no line')
    emit(failed('lease'))
    t.match(lines()[5], told, 'and what begins anew is told at once')
  },
)

t.test('causes that differ each time are told each time, beyond a bound too', async (t) => {
  const { lines, emit, pass } = startFactsLog('ledger.')
  for (let cause = 0; cause < 150; cause += 1) {
    emit(failed('lease', `it is away ${cause}`))
    pass(100)
  }
  t.equal(lines().length, 150)
})

t.test('the end of an instance tells which failures of the ledger were gathered', async (t) => {
  const { lines, emit } = startFactsLog('ledger.')
  emit(failed('lease'), failed('lease'), { type: 'drain.ended' })
  t.match(lines()[1], { msg: 'ledger.failing', times: 1 })
})

t.test('at debug each failure of the ledger is told', async (t) => {
  const { lines, emit } = startFactsLog('ledger.', 'debug')
  emit(failed('lease'), failed('lease'))
  t.match(lines()[1], { msg: 'ledger.failed', level: 'debug', operation: 'lease' })
})
