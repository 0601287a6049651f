#!/usr/bin/env node
// What npm links as `pit`. It is not compiled, so that it is there, and may be executed, before the
// first build: npm links only what exists, and the compiler makes no file executable.

import { existsSync } from 'node:fs'

const cli = new URL('../dist/cli/cli.js', import.meta.url)

if (existsSync(cli)) await import(cli.href)
else {
  // Without development's packages there is no compiler.
  const hasCompiler = existsSync(new URL('../node_modules/typescript', import.meta.url))
  const how = hasCompiler ? 'npm run build' : 'npm ci && npm run build'
  process.stderr.write(`pit is not built here: run ${how}\n`)
  process.exitCode = 1
}
