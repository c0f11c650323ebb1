/** What an upload id may look like. Ids become file names and keys, so this is what keeps them inside their folder. */

const UPLOAD_ID = /^[A-Za-z0-9_-]{1,64}$/

export function isUploadId(text: string): boolean {
  return UPLOAD_ID.test(text)
}

/** Throws RangeError: ids are made by the registry, never by a client, so a bad one is a bug. */
export function requireUploadId(id: string): void {
  if (!isUploadId(id)) throw new RangeError('an upload id is 1 to 64 characters of [A-Za-z0-9_-]')
}
