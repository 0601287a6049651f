// npm run bench:accept: what accepting a payment takes, its commit included, beside the floor.

import { measureAccepting, openFloor, openPit, type Accepting } from './measure/accepting.ts'
import { runBench, type Variant } from './measure/command.ts'
import { decimal, whole } from './measure/flags.ts'
import { sharesFor } from './measure/world.ts'
import type { Shares } from './limits/shares.ts'

interface Options {
  readonly seconds: number
  readonly warmupSeconds: number
  readonly perSecond: number
  readonly connections: number
  readonly cpus: number
}

await runBench({
  name: 'accept',
  purpose:
    'POST /payments alone over the unix socket of one Pit, which settles what it accepts as always:\n' +
    'at a steady rate and at saturation, inside limits and without. The limits are the shares of\n' +
    'docker-compose.yml, but for the CPU of the Pit. Floor: a server that does nothing but answer\n' +
    '202, inside the share of the Pit.',
  runs: 5,
  flags: {
    seconds: whole({ fallback: 20, min: 1, max: 3600, meaning: 'length of a load, s' }),
    warmupSeconds: whole({ fallback: 10, min: 0, max: 600, meaning: 'load before it, s' }),
    perSecond: whole({ fallback: 500, min: 1, max: 20_000, meaning: 'steady rate, payments/s' }),
    connections: whole({ fallback: 64, min: 1, max: 1000, meaning: 'connections at saturation' }),
    cpus: decimal({ fallback: 0.4, min: 0.05, max: 64, meaning: 'CPUs of the Pit inside limits' }),
  },
  variants: (options) =>
    [sharesFor('compose', { pitCpus: options.cpus }), undefined].flatMap((shares) => [
      ...rates(options, shares, { name: 'floor', open: openFloor }),
      ...rates(options, shares, { name: 'Pit', open: openPit }),
    ]),
})

function rates(
  { cpus, perSecond, ...options }: Options,
  shares: Shares | undefined,
  server: { readonly name: string; open(shares: Shares | undefined): Promise<Accepting> },
): readonly Variant[] {
  return ([perSecond, 'full'] as const).map((rate) => {
    const at = rate === 'full' ? 'saturation' : `${rate}/s`
    const within = shares === undefined ? 'no limits' : `${cpus} CPU`
    const load = { ...options, perSecond: rate }
    const open = (): Promise<Accepting> => server.open(shares)
    return {
      name: `${server.name}, ${at}, ${within}`,
      measure: () => measureAccepting(open, load),
    }
  })
}
