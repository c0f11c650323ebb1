/** Reads a tree of TypeScript files into what the rules ask about. Parsed, not searched: a comment breaks no rule. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { parseSync } from 'oxc-parser'

export interface Import {
  /** A path from the root for relative ones, a package's name, or `node:…`. */
  readonly module: string
  readonly kind: 'own' | 'package' | 'node'
  /** Nothing of it remains when types are stripped. */
  readonly isType: boolean
  /** `import()`: loaded when the call is reached. */
  readonly isLate: boolean
  /** Names as the module exports them; '*' for all. */
  readonly names: readonly string[]
  /** Local names of values by the exported name. */
  readonly locals: ReadonlyMap<string, string>
}

export interface Call {
  readonly name: string
  readonly isNew: boolean
  /** Source text of the first argument; '' without one. */
  readonly argument: string
}

export interface SourceFile {
  /** From the root, with '/'. */
  readonly path: string
  readonly lines: number
  readonly imports: readonly Import[]
  /** Calls and constructions of plain names. */
  readonly calls: readonly Call[]
  readonly texts: readonly string[]
  readonly readsEnvironment: boolean
  readonly hasDefaultExport: boolean
}

export function readTree(root: string, folders: readonly string[]): SourceFile[] {
  return folders
    .flatMap((folder) => filesBelow(root, folder))
    .sort()
    .map((path) => readSource(path, readFileSync(join(root, path), 'utf8')))
}

function filesBelow(root: string, folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(folder, entry.name)
    if (entry.isDirectory()) return entry.name === 'fixtures' ? [] : filesBelow(root, path)
    return entry.name.endsWith('.ts') ? [path] : []
  })
}

// biome-ignore lint/suspicious/noExplicitAny: nodes of a syntax tree are looked at by their shape
type Node = any

function readSource(path: string, text: string): SourceFile {
  const { program, errors } = parseSync(path, text)
  if (errors.length > 0) throw new Error(`${path} does not parse: ${errors[0]!.message}`)
  const file = {
    path,
    lines: text.split('\n').length - 1,
    imports: [] as Import[],
    calls: [] as Call[],
    texts: [] as string[],
    readsEnvironment: false,
    hasDefaultExport: false,
  }
  walk(program, (node) => {
    const from = sourceOf(node)
    if (from) file.imports.push(importOf(node, path, from))
    if (node.type === 'CallExpression' || node.type === 'NewExpression') addCall(file.calls, node, text)
    if (node.type === 'Literal' && typeof node.value === 'string') file.texts.push(node.value)
    if (node.type === 'TemplateElement') file.texts.push(node.value.raw)
    if (node.type === 'ExportDefaultDeclaration') file.hasDefaultExport = true
    if (isEnvironment(node)) file.readsEnvironment = true
  })
  return file
}

function walk(node: Node, visit: (node: Node) => void): void {
  if (Array.isArray(node)) for (const each of node) walk(each, visit)
  else if (node && typeof node === 'object') {
    if (typeof node.type === 'string') visit(node)
    for (const [key, value] of Object.entries(node)) if (key !== 'parent') walk(value, visit)
  }
}

/** Where a node takes something from; undefined for all other nodes. */
function sourceOf(node: Node): string | undefined {
  switch (node.type) {
    case 'ImportDeclaration':
    case 'ExportNamedDeclaration':
    case 'ExportAllDeclaration':
    case 'ImportExpression':
    case 'TSImportType':
      return node.source?.value ?? node.argument?.literal?.value
    default:
      return undefined
  }
}

function importOf(node: Node, path: string, from: string): Import {
  const specifiers: Node[] = node.specifiers ?? []
  const isTypeAlone = (each: Node): boolean => each.importKind === 'type' || each.exportKind === 'type'
  const locals = new Map<string, string>()
  const names = specifiers.map((each) => {
    const name: string = each.imported?.name ?? (node.type === 'ExportNamedDeclaration' ? each.local?.name : '*') ?? '*'
    if (node.type === 'ImportDeclaration' && !isTypeAlone(each)) locals.set(name, each.local.name)
    return name
  })
  const isType =
    node.type === 'TSImportType' || isTypeAlone(node) || (specifiers.length > 0 && specifiers.every(isTypeAlone))
  const kind = from.startsWith('.') ? 'own' : from.startsWith('node:') ? 'node' : 'package'
  const module = kind === 'own' ? posix.join(dirname(path), from) : kind === 'node' ? from : packageOf(from)
  const isLate = node.type === 'ImportExpression'
  return { module, kind, isType, isLate, names: names.length > 0 ? names : ['*'], locals: isType ? new Map() : locals }
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

function addCall(calls: Call[], node: Node, text: string): void {
  if (node.callee.type !== 'Identifier') return
  const [first] = node.arguments
  const argument = first ? text.slice(first.start, first.end) : ''
  calls.push({ name: node.callee.name, isNew: node.type === 'NewExpression', argument })
}

/** `process.env`, `globalThis.process.env`, `const { env } = process`, `import { env } from 'node:process'`. */
function isEnvironment(node: Node): boolean {
  const isProcess = (each: Node): boolean =>
    each?.type === 'Identifier'
      ? each.name === 'process'
      : each?.type === 'MemberExpression' && each.property.name === 'process'
  switch (node.type) {
    case 'MemberExpression':
      return isProcess(node.object) && (node.property.name ?? node.property.value) === 'env'
    case 'VariableDeclarator':
      return isProcess(node.init) && node.id.type === 'ObjectPattern' && node.id.properties.some(hasKeyEnv)
    case 'ImportDeclaration':
      return (
        /^(?:node:)?process$/.test(node.source.value) &&
        node.specifiers.some((each: Node) => each.imported?.name === 'env')
      )
    default:
      return false
  }
}

function hasKeyEnv(property: Node): boolean {
  return property.key?.name === 'env'
}
