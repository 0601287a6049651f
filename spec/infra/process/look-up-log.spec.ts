import t from 'tap'
import type { Fact } from '../../../src/actors/model/facts.ts'
import { startFactsLog } from '../../support/facts-log.ts'
import { LOOK_UPS_WINDOW_MS } from '../../../src/infra/process/look-up-log.ts'

function failed(detail: string, processor: 'default' | 'fallback' = 'default'): Fact {
  return { type: 'lookUp.failed', processor, correlationId: 'a', detail }
}

t.test('look-ups that fail are told at once, then once a minute with what they met', async (t) => {
  const { lines, emit, pass } = startFactsLog('lookUp')
  emit(failed('http 403'))
  const told = { msg: 'lookUps.failing', level: 'warn', processor: 'default' }
  t.match(lines(), [{ ...told, failures: 'http 403 (1)' }])

  emit(failed('http 403'), failed('unreadable answer'), failed('http 403'))
  emit(failed('timeout', 'fallback'))
  pass(LOOK_UPS_WINDOW_MS - 1)
  t.equal(lines().length, 2, 'gathered, for each processor')
  t.match(lines()[1], { processor: 'fallback', failures: 'timeout (1)' })
  pass(1)
  t.match(lines()[2], { ...told, failures: 'http 403 (2), unreadable answer (1)' })

  emit(failed('http 403'))
  pass(LOOK_UPS_WINDOW_MS)
  t.match(lines()[3], { ...told, failures: 'http 403 (1)' })
  pass(LOOK_UPS_WINDOW_MS)
  t.equal(lines().length, 4, 'a quiet minute has no line')
  emit(failed('http 404'))
  t.match(lines()[4], { failures: 'http 404 (1)' }, 'and what begins anew is told at once')
})

t.test('the end of an instance tells what is gathered', async (t) => {
  const { lines, emit } = startFactsLog('lookUp')
  emit(failed('a'), failed('b'), { type: 'drain.ended' })
  t.match(lines()[1], { msg: 'lookUps.failing', failures: 'b (1)' })
})

t.test('at debug each look-up that fails is told with its payment', async (t) => {
  const { lines, emit } = startFactsLog('lookUp', 'debug')
  emit(failed('a'), failed('b'))
  const each = { msg: 'lookUp.failed', correlationId: 'a', detail: 'b' }
  t.match(lines().at(-1), each)
})
