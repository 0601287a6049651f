// The same metrics in the two languages that scrapers speak. Prometheus asks for OpenMetrics; what
// asks for nothing in particular, a browser among them, gets the older plain text.

const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8'
const PLAIN = 'text/plain; version=0.0.4; charset=utf-8'

export interface MetricsText {
  readonly contentType: string
  readonly body: string
}

/** @param accept the header of that name; empty: nothing in particular. */
export function textFor(accept: string, openMetrics: string): MetricsText {
  return accept.includes('application/openmetrics-text')
    ? { contentType: OPEN_METRICS, body: openMetrics }
    : { contentType: PLAIN, body: plainText(openMetrics) }
}

/** In OpenMetrics a counter is called without the `_total` of its samples, in plain text with it. */
function plainText(openMetrics: string): string {
  const counters = new Set(
    [...openMetrics.matchAll(/^# TYPE (\S+) counter$/gm)].map(([, name]) => name),
  )
  return openMetrics
    .replace(/^# (HELP|TYPE) (\S+)/gm, (line, _, name: string) =>
      counters.has(name) ? `${line}_total` : line,
    )
    .replace(/# EOF\n$/, '')
}
