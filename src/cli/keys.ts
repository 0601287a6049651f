// `pit keys`: makes a key that signs an operator in.

import { SCOPES } from '../actors/model/operator.ts'
import { isKeyName, keyLine, newKey } from '../infra/process/keys-file.ts'
import { readArguments } from '../operator/command-line.ts'
import { EXIT_FINE, UsageError, exitCodeOf } from '../operator/failures.ts'

const USAGE = `Usage: pit keys new --name <name> --scope <scope>

Makes a key and prints it, this once, with the line that KEYS_FILE has for it:
the name, the scope and a SHA-256 of the key. The key is 256 random bits, which
nobody can guess from that. A line that is taken away ends what its key had
opened within a second, and so does a new scope; no instance is restarted.

  --name <name>    whose it is: letters, digits, and any of . _ - @
  --scope <scope>  ${SCOPES.join(' or ')}: to look, or to give commands as well
  --help           shows this

Example:
  pit keys new --name ana --scope operate

Exit codes: 0 made; 2 usage.
`

async function main(): Promise<number> {
  const { values, positionals } = readArguments('pit keys', {
    args: process.argv.slice(2),
    allowPositionals: true,
    options: {
      name: { type: 'string' },
      scope: { type: 'string' },
      help: { type: 'boolean' },
    },
  })
  if (values.help === true) {
    process.stdout.write(USAGE)
    return EXIT_FINE
  }
  const [verb, ...more] = positionals
  if (verb !== 'new' || more.length > 0) {
    throw new UsageError('pit keys takes one word, new (pit keys --help says more)')
  }
  const { name = '' } = values
  if (!isKeyName(name)) {
    throw new UsageError(
      '--name is up to 64 letters, digits, dots, dashes, underscores or at signs, and not loopback',
    )
  }
  const scope = SCOPES.find((each) => each === values.scope)
  if (scope === undefined) throw new UsageError(`--scope is one of ${SCOPES.join(', ')}`)
  const key = newKey()
  process.stdout.write(`key for ${name}, shown this once:
  ${key}
line for KEYS_FILE:
  ${keyLine(key, { name, scope })}
`)
  return EXIT_FINE
}

// Stands below the constants: what stands below it has no value yet when it runs.
process.exitCode = await exitCodeOf(main, (text) => process.stderr.write(text))
