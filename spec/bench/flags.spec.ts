import t from 'tap'
import {
  decimal,
  flagsHelp,
  oneOf,
  readFlags,
  text,
  UsageError,
  whole,
  wholes,
} from '../../bench/measure/flags.ts'

const flags = {
  cpus: decimal({ fallback: 0.4, min: 0.1, max: 2, meaning: 'CPUs' }),
  warmupSeconds: whole({ fallback: 10, min: 0, max: 60, meaning: 'load before it, s' }),
  limits: oneOf(['compose', 'none'], 'shares, or none'),
  dir: text('FOLDER', 'where'),
  rates: wholes({ fallback: [1, 2], min: 1, max: 9, meaning: 'rates' }),
}

t.test('options are read by their declarations', async (t) => {
  t.same(readFlags(flags, []), {
    cpus: 0.4,
    warmupSeconds: 10,
    limits: 'compose',
    dir: '',
    rates: [1, 2],
  })
  const given = ['--warmup-seconds', '0', '--limits', 'none', '--dir', 'x', '--rates', '3,9']
  t.same(readFlags(flags, given), {
    cpus: 0.4,
    warmupSeconds: 0,
    limits: 'none',
    dir: 'x',
    rates: [3, 9],
  })
  t.equal(readFlags(flags, ['--help']), 'help')
})

t.test('an option that is not understood is named with what it takes', async (t) => {
  const rows: [readonly string[], RegExp][] = [
    [['--warmup-seconds', '61'], /--warmup-seconds takes a whole number from 0 to 60/],
    [['--warmup-seconds', '1.5'], /whole number/],
    [['--warmup-seconds', ''], /whole number/],
    [['--cpus', '2.1'], /--cpus takes a number from 0.1 to 2/],
    [['--cpus', '.5'], /a number/],
    [['--limits', 'few'], /--limits takes one of compose, none/],
    [['--rates', '3,10'], /--rates takes a whole number from 1 to 9/],
    [['--rates', ''], /whole number/],
    [['--nothing'], /--nothing/],
    [['word'], /word/],
  ]
  for (const [args, message] of rows) {
    t.throws(() => readFlags(flags, args), UsageError)
    t.throws(() => readFlags(flags, args), { message })
  }
})

t.test('--help has a line for each option, with its fallback', async (t) => {
  const help = flagsHelp(flags)

  t.match(help, /--warmup-seconds N +load before it, s \(10\)/)
  t.match(help, /--limits compose\|none +shares, or none \(compose\)/)
  t.match(help, /--rates N,… +rates \(1,2\)/)
  t.match(help, /--dir FOLDER +where$/m)
  t.match(help, /--help/)
})
