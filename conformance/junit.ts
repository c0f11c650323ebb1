/**
 * The test cases of a JUnit report. A reader of what two known writers write (Go's encoding/xml escapes every `<`, `>`
 * and quote in attributes and text), not an XML parser.
 */
export interface TestCase {
  readonly name: string
  /** `passed`, `skipped`, `failed`, `failure`, `error`, `panicked`, … as the suite says it. */
  readonly status: string
  /** Why it failed; '' where it says nothing. */
  readonly message: string
}

/** The counts of the <testsuites> element; what is absent is 0. */
export interface Totals {
  readonly tests: number
  readonly failures: number
  readonly errors: number
  readonly skipped: number
  readonly disabled: number
}

export interface JunitReport {
  readonly totals: Totals
  readonly cases: readonly TestCase[]
}

/** Throws where the text is no whole JUnit report: a suite that was ended while it wrote has not passed. */
export function parseJunit(xml: string): JunitReport {
  const head = /<testsuites\s([^>]*)>/.exec(xml)?.[1]
  if (head === undefined || !/<\/testsuites>\s*$/.test(xml)) {
    throw new Error('the JUnit report is not whole: it has no <testsuites> element, or one that does not end')
  }
  const cases = [...xml.matchAll(/<testcase\s([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)].map(
    ([, attributes, body]) => ({
      name: attribute(attributes!, 'name') ?? '',
      status: attribute(attributes!, 'status') ?? '',
      message: messageOf(body ?? ''),
    }),
  )
  const total = (name: string) => Number(attribute(head, name) ?? 0)
  const totals = {
    tests: total('tests'),
    failures: total('failures'),
    errors: total('errors'),
    skipped: total('skipped'),
    disabled: total('disabled'),
  }
  return { totals, cases }
}

/** The older suite writes <failure message="…">, the newest only <system-out>. */
function messageOf(body: string): string {
  const [, failure] = /<(?:failure|error)\s([^>]*)>/.exec(body) ?? []
  const text =
    failure !== undefined ? attribute(failure, 'message') : /<system-out>([\s\S]*?)<\/system-out>/.exec(body)?.[1]
  return unescaped(text ?? '').trim()
}

function attribute(head: string, name: string): string | undefined {
  const text = new RegExp(`(?:^|\\s)${name}="([^"]*)"`).exec(head)?.[1]
  return text === undefined ? undefined : unescaped(text)
}

const NAMED: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

function unescaped(text: string): string {
  return text.replace(
    /&(?:#x([0-9a-fA-F]+)|#(\d+)|(\w+));/g,
    (whole, hex?: string, decimal?: string, name?: string) => {
      if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16))
      if (decimal !== undefined) return String.fromCodePoint(Number.parseInt(decimal, 10))
      return NAMED[name!] ?? whole
    },
  )
}
