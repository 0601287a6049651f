// Reads a CPU profile: which functions took the time themselves. Pure.

/** The part of a .cpuprofile that counts. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    /** Ids of what it was seen to call. */
    readonly children?: readonly number[]
    readonly callFrame: {
      readonly functionName: string
      readonly url: string
      /** Counted from 0. */
      readonly lineNumber: number
    }
  }[]
  readonly samples: readonly number[]
  /** From the sample before, µs. */
  readonly timeDeltas: readonly number[]
}

export interface SelfTime {
  /** `take (src/actors/payments-floor.js:95)`. */
  readonly place: string
  readonly ms: number
  /** Share of the time in which the thread was not idle. */
  readonly percent: number
}

/** The dearest functions, dearest first; idle time left out. */
export function selfTimes(profile: CpuProfile, count: number): readonly SelfTime[] {
  const byPlace = new Map<string, number>()
  let totalUs = 0
  for (const { place, us } of busySamples(profile)) {
    byPlace.set(place, (byPlace.get(place) ?? 0) + us)
    totalUs += us
  }
  return [...byPlace]
    .toSorted(([, one], [, other]) => other - one)
    .slice(0, count)
    .map(([place, us]) => {
      return {
        place,
        ms: Number((us / 1000).toFixed(1)),
        percent: Number(((us * 100) / totalUs).toFixed(1)),
      }
    })
}

/**
 * Share of the time in which the thread was not idle, %, that was spent in functions of files whose
 * paths end so, and in all that they called.
 */
export function percentWithin(profile: CpuProfile, files: readonly string[]): number {
  const inside = new Set<number>()
  // A caller comes before what it calls.
  for (const { id, callFrame, children = [] } of profile.nodes) {
    if (files.some((file) => callFrame.url.endsWith(file))) inside.add(id)
    if (inside.has(id)) for (const child of children) inside.add(child)
  }
  let [insideUs, totalUs] = [0, 0]
  for (const { id, us } of busySamples(profile)) {
    totalUs += us
    if (inside.has(id)) insideUs += us
  }
  return (100 * insideUs) / totalUs
}

function* busySamples(profile: CpuProfile) {
  const places = new Map(profile.nodes.map((node) => [node.id, placeOf(node.callFrame)]))
  for (const [index, id] of profile.samples.entries()) {
    const place = places.get(id) ?? 'unknown'
    if (!IDLE.includes(place)) yield { id, place, us: Math.max(0, profile.timeDeltas[index] ?? 0) }
  }
}

const IDLE: readonly string[] = ['(idle)', '(root)']

function placeOf(frame: CpuProfile['nodes'][number]['callFrame']): string {
  const { functionName, url, lineNumber } = frame
  if (url === '') return functionName
  const path = url.replace(/^file:\/\//, '')
  const [, packaged] = /^.*\/node_modules\/(.*)$/.exec(path) ?? []
  const place = packaged ?? path.replace(/^.*?\/(?=(?:dist|build)\/)/, '')
  return `${functionName === '' ? 'anonymous' : functionName} (${place}:${lineNumber + 1})`
}
