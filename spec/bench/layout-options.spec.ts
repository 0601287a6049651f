import t from 'tap'
import { UsageError } from '../../bench/challenge/errors.ts'
import { readLayoutCommand, readProcessorUrls } from '../../bench/layout/options.ts'

const URLS = ['--default-url', 'http://127.0.0.1:7001', '--fallback-url', 'http://127.0.0.1:7002']

t.test(
  'a layout has the ports of the challenge and two simulators unless told otherwise',
  async (t) => {
    t.same(readLayoutCommand([]), {
      kind: 'run',
      options: {
        instances: 2,
        limits: undefined,
        ports: { nginx: 9999, default: 8001, fallback: 8002 },
      },
      command: undefined,
    })
    t.match(readLayoutCommand(['--limits', '--dir', '/tmp/x', '--run', 'true']), {
      options: { dir: '/tmp/x', limits: { 'pit-1': { cpus: Number } } },
      command: 'true',
    })
    t.same(readLayoutCommand(['--help']), { kind: 'help' })
  },
)

t.test('a layout with processors of others has no ports for simulators', async (t) => {
  t.match(readLayoutCommand(['--port', '9000', ...URLS]), {
    options: {
      ports: { nginx: 9000, default: undefined },
      processors: { default: 'http://127.0.0.1:7001', fallback: 'http://127.0.0.1:7002' },
    },
  })
})

t.test('an argument that is not understood is named', async (t) => {
  const rows: [readonly string[], RegExp][] = [
    [['--instances', '0'], /--instances is a whole number from 1 to 99/],
    [['--port', 'x'], /--port is a whole number from 1 to 65535/],
    [['--nothing'], /--nothing/],
    [['word'], /word/],
    [URLS.slice(0, 2), /--default-url and --fallback-url go together/],
    [URLS.slice(2), /--default-url and --fallback-url go together/],
    [[...URLS.slice(0, 3), 'http://127.0.0.1:7001/'], /are the same processor/],
    [[...URLS.slice(0, 3), 'https://a'], /--fallback-url takes http:\/\/host:port/],
    [[...URLS.slice(0, 3), 'unix:/run/a.sock'], /--fallback-url takes http:\/\/host:port/],
    [[...URLS.slice(0, 3), 'http://a/path'], /--fallback-url takes http:\/\/host:port/],
  ]
  for (const [args, message] of rows) {
    t.throws(() => readLayoutCommand(args), UsageError, args.join(' '))
    t.throws(() => readLayoutCommand(args), { message }, args.join(' '))
  }
})

t.test('empty URLs of processors count as none', async (t) => {
  t.equal(readProcessorUrls({ default: '', fallback: undefined }), undefined)
})
