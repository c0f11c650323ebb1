/** What a client says about a file to come, from form fields or JSON, as the domain wants it. */
import { type NewFile, parseRelativePath, printable } from '../registry/index.ts'
import { fieldInvalid } from './problem.ts'
import { MEDIA_TYPES } from './wire.ts'

const MEDIA_TYPE_LIMIT = 255
/** RFC 6838, section 4.2, with parameters; nothing that could end a header line. */
const MEDIA_TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}( *; *[\x20-\x7e]+)?$/i

/** Throws `path-invalid`, or `field-invalid` for the media type or the mode. */
export function newFileOf(
  said: {
    readonly relative_path: string
    readonly media_type?: string | undefined
    readonly mode?: string | undefined
  },
  actor: string,
): NewFile {
  const mode = said.mode === undefined ? undefined : modeOf(said.mode)
  return {
    path: parseRelativePath(said.relative_path),
    mediaType: said.media_type === undefined ? MEDIA_TYPES.bytes : mediaTypeOf(said.media_type),
    ...(mode === undefined ? {} : { mode }),
    actor,
  }
}

export function isMediaType(text: string): boolean {
  return text.length <= MEDIA_TYPE_LIMIT && MEDIA_TYPE.test(text)
}

function mediaTypeOf(text: string): string {
  if (isMediaType(text)) return text
  throw fieldInvalid('media_type', `'${printable(text)}' is no media type: use type/subtype, such as application/json`)
}

function modeOf(text: string): number {
  if (/^0?[0-7]{3,4}$/.test(text)) return Number.parseInt(text, 8)
  throw fieldInvalid('mode', `'${printable(text)}' is no mode: use permission bits as octal text, such as 0644`)
}
