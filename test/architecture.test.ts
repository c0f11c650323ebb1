/**
 * The house rules, held against the sources (ADR 0007). The fixture tree breaks each of them once, so that a rule which
 * no longer finds anything is found.
 */
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { judge, RULES } from './architecture/rules.ts'
import { readTree } from './architecture/source-tree.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const folders = ['src', 'migrations', 'test', 'bench', 'scripts', 'conformance']
const broken = fileURLToPath(new URL('./fixtures/architecture', import.meta.url))

describe('in this repository', () => {
  const sentences = judge(readTree(root, folders))
  test.each(Object.keys(RULES))('%s', (rule) => expect(sentences.get(rule)).toEqual([]))
})

describe('in a tree that breaks each rule', () => {
  const sentences = judge(readTree(broken, ['src', 'migrations']), { fileLines: 12 })

  test('each rule finds what breaks it and nothing else', () => {
    expect(Object.fromEntries(sentences)).toEqual({
      'every file belongs to a layer': ['src/strange/thing.ts belongs to no layer of the table'],
      'imports go downwards': [
        'migrations/create_log.ts imports src/registry/index.ts: migrations may import types of registry',
        'src/config.ts imports src/registry/index.ts: config may import types of storage, types of registry, types of http',
        'src/config/values.ts imports src/compose.ts: config may import types of storage, types of registry, types of http',
        'src/http/reply.ts imports src/registry/index.ts: http may import nothing of ours',
        'src/storage/store.ts imports src/registry/index.ts: storage may import nothing of ours',
      ],
      'a layer is entered through its face': [
        'src/cli/index.ts imports src/native-api/index.ts: of native-api, cli may import src/native-api/wire.ts only',
        'src/compose.ts imports src/registry/names.ts: of registry, main may import src/registry/index.ts only',
        'src/oci/blobs.ts imports src/registry/names.ts: of registry, oci may import src/registry/index.ts only',
        'src/oci/tags.ts imports src/storage/local/index.ts: of storage, oci may import src/storage/index.ts only',
      ],
      'a folder with an index.ts is entered through it': [
        'src/registry/names.ts imports src/registry/views/file.ts: src/registry/views is entered through its index.ts',
      ],
      'nothing imports the index of its own folder': [
        'src/registry/views/file.ts imports src/registry/views/index.ts, the face of its own folder: import the file that has it',
      ],
      'a layer uses its packages only': ['src/oci/blobs.ts imports the package undici: oci may use express'],
      'bytes and domain know no network': ['src/storage/store.ts imports node:http: storage knows no network'],
      'reserved modules stay where they are': [
        'src/registry/tags.ts imports better-sqlite3: it is reserved for src/registry/database/',
        'src/registry/tags.ts imports src/registry/manifest/cbor-encoder.ts: it is reserved for src/registry/manifest/canonical-cbor.ts and src/registry/manifest/cbor-',
      ],
      'a server starts without what it may never need': [
        'src/compose.ts imports node:http, which every start would load: load it when it is needed',
        'src/storage/store.ts imports node:http, which every start would load: load it when it is needed',
      ],
      'only config.ts reads process.env': [
        'src/config/values.ts reads process.env: only src/config.ts does',
        'src/http/utils.ts reads process.env: only src/config.ts does',
        'src/native-api/wire.ts reads process.env: only src/config.ts does',
      ],
      'construction happens in compose.ts': [
        'src/oci/tags.ts constructs openLocal of src/storage/local/index.ts: only src/compose.ts does',
        'src/oci/tags.ts constructs openStore of src/storage/index.ts: only src/compose.ts does',
        'src/oci/tags.ts constructs Store of src/storage/index.ts: only src/compose.ts does',
      ],
      'SQLite alone opens the database': [
        "src/registry/database/backup.ts uses copyFileSync of node:fs: SQLite alone opens the database's files",
        'src/registry/database/sqlite.ts names the -shm file: SQLite alone does',
        "src/registry/database/sqlite.ts uses open of node:fs: SQLite alone opens the database's files",
        'src/registry/tags.ts names the -wal file: src/registry/database/sqlite.ts alone does',
      ],
      'files stay short': ['src/compose.ts has 15 lines: 12 is the limit'],
      'file names say what a file is for': ["src/http/utils.ts: 'utils' names no concept"],
      'exports have names': ['src/cli/index.ts has a default export'],
    })
  })
})
