/**
 * Adds to package-lock.json the packages for other platforms that npm left out: it drops an optional package that the
 * configured registry does not offer (a mirror for one platform), and `npm ci` then refuses the file. Added entries carry no
 * integrity; `npm install` against a full registry fills it in. With --check it changes nothing and fails.
 */
import { readFileSync, writeFileSync } from 'node:fs'

interface Entry {
  version?: string
  optionalDependencies?: Readonly<Record<string, string>>
  os?: string[]
  cpu?: string[]
  libc?: string[]
  dev?: boolean
  optional?: boolean
}
interface Lockfile {
  packages: Record<string, Entry>
}

const file = new URL('../package-lock.json', import.meta.url)
const lockfile = JSON.parse(readFileSync(file, 'utf8')) as Lockfile

const OS = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32']
const CPU = ['arm', 'arm64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'x64']

/** What is missing, by its place in the lock file. */
function missing(): Map<string, Entry> {
  const found = new Map<string, Entry>()
  for (const [path, { optionalDependencies = {}, dev }] of Object.entries(lockfile.packages)) {
    for (const [name, version] of Object.entries(optionalDependencies)) {
      const isThere = [`node_modules/${name}`, `${path}/node_modules/${name}`].some((at) => at in lockfile.packages)
      if (isThere) continue
      const { cpu, libc, os } = platformOf(name)
      // In npm's own order, so that its next run changes nothing.
      found.set(`node_modules/${name}`, {
        version,
        cpu,
        ...(dev && { dev }),
        ...(libc && { libc }),
        optional: true,
        os,
      })
    }
  }
  return found
}

/** Names of such packages end with what npm would find in their `os`, `cpu` and `libc`. */
function platformOf(name: string): { os: string[]; cpu: string[]; libc?: string[] } {
  const words = name.split(/[/-]/)
  const os = OS.find((each) => words.includes(each))
  const cpu = CPU.find((each) => words.includes(each))
  if (os === undefined || cpu === undefined) throw new Error(`the platform of ${name} cannot be read from its name`)
  if (os !== 'linux') return { os: [os], cpu: [cpu] }
  return { os: [os], cpu: [cpu], libc: [words.some((word) => word.startsWith('musl')) ? 'musl' : 'glibc'] }
}

const entries = missing()
if (process.argv.includes('--check')) {
  for (const [path, { version }] of entries) console.error(`package-lock.json lacks ${path} ${version}`)
  if (entries.size > 0) {
    console.error('npm ci would refuse it: run node scripts/complete-lockfile.ts')
    process.exitCode = 1
  }
} else if (entries.size > 0) {
  for (const [path, entry] of entries) lockfile.packages[path] = entry
  lockfile.packages = Object.fromEntries(Object.entries(lockfile.packages).sort(([a], [b]) => a.localeCompare(b, 'en')))
  writeFileSync(file, `${JSON.stringify(lockfile, null, 2)}\n`)
  console.log(`${entries.size} packages for other platforms added`)
}
