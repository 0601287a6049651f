// Options on a command line, for the programs that declare them to `parseArgs` themselves.

import { parseArgs, type ParseArgsConfig } from 'node:util'
import { UsageError } from './errors.ts'

type Declared = NonNullable<ParseArgsConfig['options']>

/** @throws UsageError for what was not declared, and for operands. */
export function readOptions<const Options extends Declared>(
  args: readonly string[],
  options: Options,
): ReturnType<typeof parseArgs<{ args: string[]; options: Options }>>['values'] {
  try {
    return parseArgs({ args: [...args], options }).values
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : 'bad arguments', { cause })
  }
}

/** @throws UsageError naming the option. */
export function readWhole(
  flag: string,
  text: string,
  bounds: { readonly min: number; readonly max: number },
): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= bounds.min && value <= bounds.max) return value
  throw new UsageError(`--${flag} is a whole number from ${bounds.min} to ${bounds.max}`)
}
