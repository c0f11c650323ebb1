#!/usr/bin/env node
// The command. Plain JavaScript, because Node strips no types under node_modules and an old Node must get as far as
// the sentence below. A checkout runs its source; an installed package its dist/.
import { spawn } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import module from 'node:module'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const [major, minor] = process.versions.node.split('.').map(Number)
const isNewEnough = (major === 24 && minor >= 15) || major >= 26

if (isNewEnough) {
  // Halves the time to start: compiled code, and types that were stripped once, are kept. Where it cannot be, nothing is.
  module.enableCompileCache(join(homedir(), '.cache', 'artifactstore', 'compiled'))
  const source = new URL('../src/main.ts', import.meta.url)
  // `migrations/` is built beside `src/`, so the build keeps both folders.
  const built = new URL('../dist/src/main.js', import.meta.url)
  const { main } = await import((existsSync(source) ? source : built).href)
  await main()
} else {
  runUnderOwnNode()
}

// `npm ci` puts a Node that fits into the checkout; npm scripts find it by themselves, `npx artifactstore` does not.
function runUnderOwnNode() {
  const own = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url))
  if (!existsSync(own) || realpathSync(own) === realpathSync(process.execPath)) {
    process.stderr.write(
      `artifactstore needs Node 24.15 or later (24.x), or 26 and later; this is ${process.versions.node}.\n`,
    )
    process.exitCode = 1
    return
  }
  const child = spawn(own, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' })
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  process.on('SIGHUP', () => child.kill('SIGHUP'))
  // A terminal sends Ctrl-C to the child too; passed on, it would count twice and cut the drain short.
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'))
  child.on('error', (error) => {
    process.stderr.write(`artifactstore: ${own} cannot be started (${error.code})\n`)
    process.exitCode = 1
  })
  child.on('exit', (code, signal) => {
    for (const each of ['SIGTERM', 'SIGHUP', 'SIGINT']) process.removeAllListeners(each)
    if (signal) process.kill(process.pid, signal)
    process.exitCode = code ?? 1
  })
}
