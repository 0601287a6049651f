// Reads one HTTP/1.1 response out of the bytes received so far. Pure.

export type ParsedResponse =
  | {
      readonly kind: 'whole'
      readonly status: number
      readonly body: Buffer
      /** Whether the connection may carry another request. */
      readonly reusable: boolean
    }
  | { readonly kind: 'partial' }
  | { readonly kind: 'malformed'; readonly detail: string }

/**
 * @param bytes everything received since the request was sent.
 * @param stream `ended` once the server has closed its side: a body without a length ends there.
 */
export function parseResponse(bytes: Buffer, stream: 'open' | 'ended'): ParsedResponse {
  const headEnd = bytes.indexOf(HEAD_END)
  if (headEnd < 0) return bytes.length > HEAD_BYTES_MAX ? malformed('head too long') : PARTIAL
  const head = bytes.toString('latin1', 0, headEnd)
  const start = STATUS_LINE.exec(head)
  if (start === null) return malformed('no status line')
  const status = Number(start[2])
  const rest = bytes.subarray(headEnd + HEAD_END.length)
  // 1xx is a preface (100 Continue, 103 Early Hints): the answer comes after it.
  if (status < 200) return parseResponse(rest, stream)

  const body = readBody({ head, status, rest, stream })
  if (body.kind !== 'body') return body
  const persistent = start[1] === '1' ? !CLOSE.test(head) : KEEP_ALIVE.test(head)
  // Bytes past the answer belong to no request: the connection is out of step.
  const reusable = persistent && stream === 'open' && body.length === rest.length
  return { kind: 'whole', status, body: body.content, reusable }
}

/** A body, and how many bytes it took on the wire. */
type Body = { readonly kind: 'body'; readonly content: Buffer; readonly length: number }

interface Framing {
  readonly head: string
  readonly status: number
  readonly rest: Buffer
  readonly stream: 'open' | 'ended'
}

function readBody({ head, status, rest, stream }: Framing): Body | ParsedResponse {
  if (status === 204 || status === 304) return { kind: 'body', content: EMPTY, length: 0 }
  if (rest.length > BODY_BYTES_MAX) return malformed('body too long')
  if (CHUNKED.test(head)) return readChunks(rest)
  const declared = CONTENT_LENGTH.exec(head)
  if (declared === null) {
    if (stream === 'open') return PARTIAL
    return { kind: 'body', content: rest, length: rest.length }
  }
  const length = Number(declared[1])
  if (length > BODY_BYTES_MAX) return malformed('body too long')
  if (rest.length < length) return PARTIAL
  return { kind: 'body', content: rest.subarray(0, length), length }
}

function readChunks(rest: Buffer): Body | ParsedResponse {
  const parts: Buffer[] = []
  let at = 0
  for (;;) {
    const lineEnd = rest.indexOf(LINE_END, at)
    if (lineEnd < 0) return PARTIAL
    const size = CHUNK_SIZE.exec(rest.toString('latin1', at, lineEnd))
    if (size === null) return malformed('bad chunk size')
    const length = Number.parseInt(size[1] ?? '', 16)
    if (length > BODY_BYTES_MAX) return malformed('body too long')
    at = lineEnd + LINE_END.length
    if (length === 0) break
    if (rest.length < at + length + LINE_END.length) return PARTIAL
    if (rest.indexOf(LINE_END, at + length) !== at + length) return malformed('bad chunk end')
    parts.push(rest.subarray(at, at + length))
    at += length + LINE_END.length
  }
  return skipTrailers(rest, at, parts)
}

/** Trailers are read over: nothing that Pit's clients ask for stands in them. */
function skipTrailers(rest: Buffer, from: number, parts: readonly Buffer[]): Body | ParsedResponse {
  let at = from
  for (;;) {
    const lineEnd = rest.indexOf(LINE_END, at)
    if (lineEnd < 0) return PARTIAL
    const isBlank = lineEnd === at
    at = lineEnd + LINE_END.length
    if (isBlank) return { kind: 'body', content: Buffer.concat(parts), length: at }
  }
}

function malformed(detail: string): ParsedResponse {
  return { kind: 'malformed', detail }
}

const PARTIAL: ParsedResponse = { kind: 'partial' }
const EMPTY = Buffer.alloc(0)
const HEAD_END = Buffer.from('\r\n\r\n')
const LINE_END = Buffer.from('\r\n')
/** Bounds on what is kept of an answer that does not end, bytes. */
const HEAD_BYTES_MAX = 16 * 1024
const BODY_BYTES_MAX = 1024 * 1024

const STATUS_LINE = /^HTTP\/1\.([01]) (\d{3})(?: |\r\n|$)/
const CONTENT_LENGTH = /\r\ncontent-length:[ \t]*(\d{1,15})[ \t]*(?:\r\n|$)/i
const CHUNKED = /\r\ntransfer-encoding:[ \t]*chunked[ \t]*(?:\r\n|$)/i
const CLOSE = /\r\nconnection:[^\r]*\bclose\b/i
const KEEP_ALIVE = /\r\nconnection:[^\r]*\bkeep-alive\b/i
const CHUNK_SIZE = /^([0-9a-f]{1,8})[ \t]*(?:;.*)?$/i
