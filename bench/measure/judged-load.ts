// A judge's load against a whole layout that is started for it, and against the floor with a commit.

import { UsageError } from '../challenge/errors.ts'
import { startLayout } from '../layout/layout.ts'
import type { LayoutOptions } from '../layout/plan.ts'
import { accepts } from '../layout/wait.ts'
import { commitFloor, sumsOf, type ChallengeLoad } from './challenge-load.ts'
import type { Note } from './command.ts'
import { CpuWatch, joinSeconds } from './cpu-watch.ts'
import { JUDGE_PORTS, runJudge, type JudgePlan } from './judge.ts'
import type { Figures } from './figures.ts'
import type { Measured } from './report.ts'
import { readUsage, servicesOf, usageBetween } from './usage.ts'

export function judgePit(
  judge: string,
  load: ChallengeLoad,
  options: LayoutOptions,
  note: Note,
): Promise<Measured> {
  return measure({ program: judge, asks: 'summaries' }, load, options, note)
}

/** Nothing but payments: this floor keeps no books. */
export async function judgeCommitFloor(
  judge: string,
  load: ChallengeLoad,
  options: LayoutOptions,
  note: Note,
): Promise<Measured> {
  const measured = await measure(
    { program: judge, asks: 'nothing' },
    load,
    commitFloor(options),
    note,
  )
  const asked = Object.entries(measured.figures).filter(([name]) => !OF_SUMMARIES.test(name))
  return { ...measured, figures: Object.fromEntries(asked) }
}

/** Figures that a judge makes out of summaries, of which there are none. */
const OF_SUMMARIES = /^(lag|inconsistencies|worstWindow|default|fallback|processors.*)$/

/** What the services use is told from the beginning of the load to the judge's end. */
async function measure(
  judge: Pick<JudgePlan, 'program' | 'asks'>,
  { seconds, users, stages }: ChallengeLoad,
  options: LayoutOptions,
  note: Note,
): Promise<Measured> {
  await refuseTakenPorts()
  const layout = await startLayout({ processors: PROCESSORS, ...options, ports: PORTS })
  const services = servicesOf(layout)
  let othersUsed = (): Figures => ({})
  const watch = new CpuWatch(services, () => othersUsed())
  try {
    let start = readUsage(services)
    const found = await runJudge({
      ...judge,
      seconds,
      users,
      stages,
      onLoadStarted: (startedAt, others) => {
        start = readUsage(services)
        othersUsed = others
        watch.begin(startedAt)
      },
    })
    if (found.trouble !== undefined) note(`the judge: ${found.trouble}`)
    const payments = found.figures['accepted'] ?? 0
    const used = usageBetween({ start, end: readUsage(services), payments })
    return {
      figures: {
        ...found.figures,
        ...sumsOf(used),
      },
      services: used,
      bySecond: joinSeconds(found.bySecond, watch.stop()),
    }
  } finally {
    watch.stop()
    await layout.stop()
  }
}

const PORTS = { nginx: JUDGE_PORTS.nginx }
const PROCESSORS = {
  default: `http://127.0.0.1:${JUDGE_PORTS.default}`,
  fallback: `http://127.0.0.1:${JUDGE_PORTS.fallback}`,
}

/** What listens there would be judged in Pit's place, or keep the judge's processors out. */
async function refuseTakenPorts(): Promise<void> {
  for (const port of Object.values(JUDGE_PORTS)) {
    if (await accepts(port))
      throw new UsageError(`something listens on port ${port}, which the judge needs`)
  }
}
