/** What a call refuses with: the code, or a failure of the test that says what came instead. */
import { RegistryError, type RegistryErrorCode } from '../../src/registry/index.ts'

export async function refusalOf(call: Promise<unknown> | (() => Promise<unknown>)): Promise<RegistryError> {
  try {
    await (typeof call === 'function' ? call() : call)
  } catch (error) {
    if (error instanceof RegistryError) return error
    throw error
  }
  throw new Error('nothing was refused')
}

export async function codeOf(call: Promise<unknown> | (() => Promise<unknown>)): Promise<RegistryErrorCode> {
  return (await refusalOf(call)).code
}
