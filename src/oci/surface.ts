/** `/v2/` as a surface: its error table, the headers of all its answers and the paths it answers for. */
import type { Surface } from '../http/index.ts'
import { ociErrorReply } from './errors.ts'
import { OCI_HEADERS } from './headers.ts'

export function ociSurface(shared: Pick<Surface, 'guard' | 'origins' | 'log' | 'observers' | 'handover'>): Surface {
  return { ...shared, errorReply: ociErrorReply, headers: OCI_HEADERS, prefix: '/v2' }
}
