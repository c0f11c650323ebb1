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
  /** The current member or index, for the pointer. */
  step: string | number
  /** The next string is a name: in an object, after `{` and after `,`. */
  expectsName: boolean
  /** Names seen, from the second on: most hostile documents are many small objects. */
  names: Set<string> | undefined
}

const DEPTH_LIMIT = 64
const QUOTE = 0x22
const COMMA = 0x2c
const OPEN_LIST = 0x5b
const CLOSE_LIST = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/** The first problem; undefined when there is none. `json` must have parsed already. */
export function jsonTextProblem(json: string): JsonTextProblem | undefined {
  const frames: Frame[] = []
  let frame: Frame | undefined
  for (let at = 0; at < json.length; at++) {
    const unit = json.charCodeAt(at)
    if (unit === QUOTE) {
      const end = endOfString(json, at)
      if (frame?.expectsName && !enter(frame, json.slice(at, end + 1))) {
        return { pointer: pointerOf(frames), reason: 'stands twice' }
      }
      at = end
    } else if (unit === COMMA) {
      next(frame!)
    } else if (unit === OPEN_OBJECT || unit === OPEN_LIST) {
      if (frames.length === DEPTH_LIMIT) return { pointer: '', reason: `is nested deeper than ${DEPTH_LIMIT} levels` }
      const isObject = unit === OPEN_OBJECT
      frame = { step: isObject ? '' : 0, expectsName: isObject, names: undefined }
      frames.push(frame)
    } else if (unit === CLOSE_OBJECT || unit === CLOSE_LIST) {
      frames.pop()
      frame = frames.at(-1)
    }
  }
  return undefined
}

function next(frame: Frame): void {
  if (typeof frame.step === 'number') {
    frame.step++
    return
  }
  frame.expectsName = true
  frame.names ??= new Set([frame.step])
}

/** False when the object has a member of this name already. */
function enter(frame: Frame, literal: string): boolean {
  const name = JSON.parse(literal) as string
  frame.step = name
  frame.expectsName = false
  if (frame.names?.has(name)) return false
  frame.names?.add(name)
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
