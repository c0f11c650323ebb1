/**
 * Finds a member name that stands twice in one JSON object. JSON.parse keeps the last and says nothing, and another
 * reader may keep the first: two readers of the same signed bytes would then see different documents.
 */

interface Frame {
  /** Names seen in this object; undefined for an array. */
  readonly names: Set<string> | undefined
  /** The current member or index, for the pointer. */
  step: string | number
  /** The next string of an object is a name: after `{` and after `,`. */
  expectsName: boolean
}

/** The JSON pointer of the first repeated member; undefined when there is none. `json` must have parsed already. */
export function findDuplicateKey(json: string): string | undefined {
  const frames: Frame[] = []
  for (let i = 0; i < json.length; i++) {
    const frame = frames.at(-1)
    switch (json[i]) {
      case '{':
        frames.push({ names: new Set(), step: '', expectsName: true })
        break
      case '[':
        frames.push({ names: undefined, step: 0, expectsName: false })
        break
      case '}':
      case ']':
        frames.pop()
        break
      case ',':
        if (typeof frame?.step === 'number') frame.step++
        else if (frame) frame.expectsName = true
        break
      case '"': {
        const end = endOfString(json, i)
        if (frame?.expectsName && !enter(frame, json.slice(i, end + 1))) return pointerOf(frames)
        i = end
      }
    }
  }
  return undefined
}

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
