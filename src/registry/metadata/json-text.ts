/**
 * What JSON text can hide from a reader of its parsed value: a member name that stands twice (JSON.parse keeps the last,
 * another reader may keep the first, and two readers of the same signed bytes would see different documents) and nesting
 * so deep that recursive readers fail.
 */

export interface JsonTextProblem {
  /** JSON pointer; empty for the document itself. */
  readonly pointer: string
  readonly reason: string
}

interface Frame {
  /** Names seen in this object; undefined for an array. */
  readonly names: Set<string> | undefined
  /** The current member or index, for the pointer. */
  step: string | number
  /** The next string of an object is a name: after `{` and after `,`. */
  expectsName: boolean
}

const DEPTH_LIMIT = 64
const STRUCTURE = /["{}[\],]/g

/** The first problem; undefined when there is none. `json` must have parsed already. */
export function jsonTextProblem(json: string): JsonTextProblem | undefined {
  const frames: Frame[] = []
  const structure = new RegExp(STRUCTURE)
  for (let match = structure.exec(json); match; match = structure.exec(json)) {
    const frame = frames.at(-1)
    if (match[0] === '"') {
      const end = endOfString(json, match.index)
      if (frame?.expectsName && !enter(frame, json.slice(match.index, end + 1))) {
        return { pointer: pointerOf(frames), reason: 'stands twice' }
      }
      structure.lastIndex = end + 1
    } else if (match[0] === ',') {
      if (typeof frame?.step === 'number') frame.step++
      else if (frame) frame.expectsName = true
    } else if (match[0] === '}' || match[0] === ']') {
      frames.pop()
    } else if (frames.length === DEPTH_LIMIT) {
      return { pointer: '', reason: `is nested deeper than ${DEPTH_LIMIT} levels` }
    } else if (match[0] === '{') {
      frames.push({ names: new Set(), step: '', expectsName: true })
    } else {
      frames.push({ names: undefined, step: 0, expectsName: false })
    }
  }
  return undefined
}

/** False when the object has a member of this name already. */
function enter(frame: Frame, literal: string): boolean {
  const name = JSON.parse(literal) as string
  frame.step = name
  frame.expectsName = false
  if (frame.names!.has(name)) return false
  frame.names!.add(name)
  return true
}

function pointerOf(frames: readonly Frame[]): string {
  return frames.map(({ step }) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

/** Index of the closing quote. */
function endOfString(json: string, start: number): number {
  let quote = json.indexOf('"', start + 1)
  while (isEscaped(json, quote)) quote = json.indexOf('"', quote + 1)
  return quote
}

function isEscaped(json: string, index: number): boolean {
  let backslashes = 0
  while (json[index - 1 - backslashes] === '\\') backslashes++
  return backslashes % 2 === 1
}
