/** cosign, both versions, with a key and nothing else: no transparency log, no certificate, no network but the registry. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { clientTool } from './client-tools.ts'
import { type Ran, ran } from './run-command.ts'

export type CosignVersion = 2 | 3

export interface Cosign {
  readonly version: CosignVersion
  login(registry: string, user: string, password: string): Promise<void>
  /** Makes `<name>.key` and `<name>.pub` in the folder. */
  makeKey(name: string): Promise<void>
  sign(reference: string, key: string): Promise<void>
  attest(reference: string, options: { key: string; type: string; predicate: unknown }): Promise<void>
  /** As cosign itself sees it. */
  verify(reference: string, key: string): Promise<Ran>
}

/** Works in `folder`, which is its home too. */
export async function openCosign(version: CosignVersion, folder: string): Promise<Cosign> {
  const command = await clientTool(version === 3 ? 'cosign3' : 'cosign2')
  const env = { PATH: process.env.PATH, HOME: folder, DOCKER_CONFIG: folder, COSIGN_PASSWORD: '' }
  const run = async (...args: string[]): Promise<void> => {
    const { code, stderr } = await ran(command, args, { cwd: folder, env })
    if (code !== 0) throw new Error(`cosign ${args.join(' ')} ended with ${code}: ${stderr}`)
  }
  // Version 3 asks for its services by default, and without them does not know the flag that turns the log off.
  const offline = [...(version === 3 ? ['--use-signing-config=false'] : []), '--tlog-upload=false', '--yes']
  const plain = '--allow-http-registry'
  return {
    version,
    login: (registry, user, password) => run('login', registry, '-u', user, '-p', password),
    makeKey: (name) => run('generate-key-pair', '--output-key-prefix', name),
    sign: (reference, key) => run('sign', '--key', key, ...offline, plain, reference),
    async attest(reference, { key, type, predicate }) {
      const file = join(folder, 'predicate.json')
      await writeFile(file, JSON.stringify(predicate))
      await run('attest', '--key', key, '--predicate', file, '--type', type, ...offline, plain, reference)
    },
    verify: (reference, key) =>
      ran(command, ['verify', '--key', key, '--insecure-ignore-tlog=true', plain, reference], { cwd: folder, env }),
  }
}
