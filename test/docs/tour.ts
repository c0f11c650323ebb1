/** Runs the tour of README.md as its reader would: a server in a folder of its own, the lines in a shell beside it. */
import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { COMMAND, ServerProcess } from '../cli/server-process.ts'
import { fences } from './marked-blocks.ts'

/** Everything it printed. `oras` is the path of that client; without it the tour goes past the lines for it. */
export async function runTour({ oras }: { oras?: string } = {}): Promise<string> {
  const server = await ServerProcess.start()
  try {
    const script = tourScript(oras !== undefined).replaceAll('localhost:8000', `localhost:${server.port}`)
    const path = [toolsFor(server, oras), process.env.PATH].join(delimiter)
    const { stdout } = await promisify(execFile)('sh', ['-eu', '-c', script], {
      cwd: server.folder,
      env: { ...server.env, PATH: path },
    })
    return stdout
  } finally {
    await server.remove()
  }
}

function tourScript(withOras: boolean): string {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const steps = fences(readme).filter(({ marks }) => marks.includes('tour'))
  return steps
    .filter(({ marks }) => withOras || !marks.includes('oras'))
    .map(({ content }) => content)
    .join('\n')
}

/** The server's folder is not the checkout, so this `npx artifactstore` is what npx would find in the checkout. */
function toolsFor(server: ServerProcess, oras: string | undefined): string {
  const folder = join(server.folder, 'tools')
  mkdirSync(folder)
  writeFileSync(join(folder, 'npx'), `#!/bin/sh\nshift\nexec '${process.execPath}' '${COMMAND}' "$@"\n`)
  chmodSync(join(folder, 'npx'), 0o755)
  if (oras) symlinkSync(oras, join(folder, 'oras'))
  return folder
}
