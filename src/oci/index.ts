/** The public face of the OCI distribution API: what `compose` mounts. */
export { OCI_ERRORS, OCI_REQUEST_ERRORS, type OciErrorRow, ociErrorReply } from './errors.ts'
export { ociEndpoints } from './routes.ts'
export { ociSurface } from './surface.ts'
