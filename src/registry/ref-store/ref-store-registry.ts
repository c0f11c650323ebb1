/** Backends of the ref store by name, as a value: two registries in one process know nothing of each other. */
import { RegistryError } from '../errors.ts'
import { openFileRefStore } from './file-backend.ts'
import type { RefStore } from './ref-store.ts'

/** What a backend may be told; each takes what is its own. */
export interface RefStoreConfig {
  /** Folder of the `file` backend. */
  readonly fileDir?: string
}

export type RefStoreConstructor = (config: RefStoreConfig) => RefStore | Promise<RefStore>

export interface RefStoreRegistry {
  /** Throws `field-invalid` when the name is taken. */
  register(name: string, construct: RefStoreConstructor): void
  /** Throws `field-invalid` for an unknown name (`detail.known` lists the others), and what the backend throws. */
  open(name: string, config?: RefStoreConfig): Promise<RefStore>
  /** In the order of their registration. */
  names(): readonly string[]
}

/** Knows `file` from the start; `registry` is registered by who has opened one. */
export function createRefStoreRegistry(): RefStoreRegistry {
  const constructors = new Map<string, RefStoreConstructor>([['file', openFileRefStore]])
  const names = () => [...constructors.keys()]
  return {
    names,
    register(name, construct) {
      if (constructors.has(name)) {
        throw new RegistryError('field-invalid', `a ref store named '${name}' is registered already`, { field: 'name' })
      }
      constructors.set(name, construct)
    },
    async open(name, config = {}) {
      const construct = constructors.get(name)
      if (construct) return construct(config)
      const known = names()
      throw new RegistryError('field-invalid', `there is no ref store named '${name}'; known are ${known.join(', ')}`, {
        field: 'name',
        known,
      })
    },
  }
}
