/** Why bytes are no acceptable signature: thrown while they are read, caught once in `check.ts`, never let out. */

export class Refusal extends Error {
  override readonly name = 'Refusal'
}

export function refuse(reason: string): never {
  throw new Refusal(reason)
}

/** Text of a stranger inside a sentence of ours: short, one line, nothing that repaints a terminal. */
export function quoted(text: string): string {
  const bounded = text.length > 100 ? `${text.slice(0, 100)}…` : text
  return `'${bounded.toWellFormed().replace(/[^\P{C}\u{20}]|[\p{Zl}\p{Zp}]/gu, '\ufffd')}'`
}
