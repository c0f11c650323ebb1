/** What a verification found, what follows from it, and how it is told. */
import { EXIT, type ExitCode } from '../failure.ts'
import { formatBytes, plural, printable } from '../terminal.ts'
import type { FolderDifference } from './check-files.ts'
import type { FoundSignature } from './check-signatures.ts'
import type { PackageContent, Problem } from './package-content.ts'

export interface Verification {
  readonly content: PackageContent
  readonly files: number
  readonly bytes: number
  readonly problems: readonly Problem[]
  readonly against: (FolderDifference & { readonly folder: string }) | undefined
  readonly signatures: readonly FoundSignature[]
  /** Names of the keys that were given; without any, content alone decides. */
  readonly keys: readonly string[]
}

export interface Conclusion {
  readonly verdict: 'valid' | 'invalid' | 'unverified'
  readonly exit: ExitCode
  readonly sentence: string
}

/**
 * Content first: over other bytes no signature means anything. Then one valid signature decides, whatever hangs beside it:
 * anybody who may push can attach an invalid one. An attestation says something about the package, not that it is good.
 */
export function conclude({ problems, against, signatures, keys }: Verification): Conclusion {
  const invalid = (sentence: string): Conclusion => ({ verdict: 'invalid', exit: EXIT.contentMismatch, sentence })
  if (problems.length > 0) return invalid('the package is not what its manifest says')
  if (against && !isEqual(against)) return invalid('the folder is not what the package holds')
  if (keys.length === 0) {
    return { verdict: 'valid', exit: EXIT.ok, sentence: 'the content is right; give --key to check signatures' }
  }
  const signed = signatures.find(({ kind, verdict }) => kind === 'signature' && verdict === 'valid')
  if (signed) return { verdict: 'valid', exit: EXIT.ok, sentence: `the content is right and signed by ${signed.key}` }
  if (signatures.some(({ verdict }) => verdict === 'invalid'))
    return invalid('no signature is valid, and one is invalid')
  const attested = signatures.find(({ verdict }) => verdict === 'valid')
  const unsigned = attested ? `attested by ${attested.key}, and not signed by a given key` : 'not signed by a given key'
  return { verdict: 'unverified', exit: EXIT.unverified, sentence: `the content is right, and ${unsigned}` }
}

function isEqual({ missing, extra, different }: FolderDifference): boolean {
  return missing.length + extra.length + different.length === 0
}

export function reportJson(found: Verification, conclusion: Conclusion): object {
  const { content, problems, against, signatures } = found
  return {
    package_id: content.package.id,
    repository: content.package.repository,
    oci_digest: content.ociDigest,
    manifest_digest: content.manifestDigest,
    content: { valid: problems.length === 0, files: found.files, bytes: found.bytes, problems },
    against: against ? { ...against, equal: isEqual(against) } : null,
    keys: found.keys,
    signatures: signatures.map(({ predicateType, ...rest }) => ({ ...rest, predicate_type: predicateType })),
    verdict: conclusion.verdict,
    exit_code: conclusion.exit,
  }
}

export function reportText(
  found: Verification,
  conclusion: Conclusion,
  table: (header: readonly string[], rows: readonly (readonly string[])[]) => string,
): string {
  const { content, problems, against, signatures } = found
  const amount = `${plural(found.files, 'file')}, ${formatBytes(found.bytes)}`
  const lines = [
    `package    ${printable(content.package.id)}`,
    `manifest   ${content.manifestDigest ?? 'none'}`,
    `signed as  ${content.ociDigest ?? 'nothing: it is too large for an OCI manifest'}`,
    `content    ${problems.length === 0 ? `valid: ${amount}` : `invalid: ${plural(problems.length, 'problem')} in ${amount}`}`,
    ...problems.map(problemLine),
    ...(against ? folderLines(against) : []),
  ]
  if (signatures.length === 0) lines.push('signatures none')
  else {
    const rows = signatures.map((each) => [
      each.kind,
      each.verdict,
      each.key ?? '',
      each.digest,
      each.reason ?? each.predicateType ?? '',
    ])
    lines.push('', table(['KIND', 'VERDICT', 'KEY', 'DIGEST', 'WHAT'], rows), '')
  }
  lines.push(`${conclusion.verdict}: ${printable(conclusion.sentence)}`)
  return lines.join('\n')
}

function problemLine({ path, reason }: Problem): string {
  return `  ${printable(path)}: ${printable(reason)}`
}

function folderLines(against: FolderDifference & { folder: string }): string[] {
  const { folder, missing, extra, different } = against
  if (isEqual(against)) return [`folder     equal: ${printable(folder)}`]
  return [
    `folder     different: ${printable(folder)}`,
    ...missing.map((path) => `  missing    ${printable(path)}`),
    ...extra.map((path) => `  extra      ${printable(path)}`),
    ...different.map(({ path, reason }) => `  different  ${printable(path)}: ${printable(reason)}`),
  ]
}
