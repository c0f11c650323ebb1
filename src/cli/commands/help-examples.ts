/** Examples at the end of a command's help. */

/** `[command line, what it does]` each. */
export function examples(lines: readonly (readonly [string, string])[]): string {
  return ['', 'Examples:', ...lines.map(([line, does]) => `  # ${does}\n  ${line}`), ''].join('\n')
}

/** For options that may be given several times. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value]
}
