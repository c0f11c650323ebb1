/**
 * A benchmark as processes.ts sees it, in a process of its own: starts a shell with a child of its own, makes a folder, and says
 * in a line which. Then it `waits`, `fails` or `ends`.
 */
import { once } from 'node:events'
import { startChild, temporaryFolder } from '../../bench/processes.ts'

const folder = await temporaryFolder()
const child = startChild('sh', ['-c', 'sleep 600 & echo $!; wait'], { stdio: ['ignore', 'pipe', 'inherit'] })
child.ref()
const [line] = (await once(child.stdout!, 'data')) as [Buffer]
child.unref()
child.stdout!.destroy()
process.stdout.write(`${JSON.stringify({ folder, pids: [child.pid, Number(line)] })}\n`)

if (process.argv[2] === 'fails') throw new Error('as it was told')
if (process.argv[2] === 'waits') setInterval(() => undefined, 1_000)
