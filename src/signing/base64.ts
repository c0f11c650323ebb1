/** Base64 as signatures carry it: the standard alphabet with its padding, and nothing that a reader would have to skip. */
import { refuse } from './refusal.ts'

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/
/** DSSE allows both alphabets: envelope.md, "either standard or URL-safe". */
const BASE64_URL = /^[A-Za-z0-9_-]*={0,2}$/

export function fromBase64(text: string, what: string): Buffer {
  if (text === '' || text.length % 4 !== 0 || !(BASE64.test(text) || BASE64_URL.test(text))) {
    refuse(`${what} is not base64`)
  }
  return Buffer.from(text, 'base64')
}
