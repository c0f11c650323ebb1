/** Which backend takes the bytes: the first route that matches, else the default (core-rules 17). */
import type { Placement } from './core.ts'

/** `*` matches everything. */
export interface PlacementRoute {
  readonly producer: string
  readonly retentionClass: string
  readonly backend: string
}

export function createPlacement(routes: readonly PlacementRoute[], defaultBackend: string): Placement {
  const matches = (pattern: string, value: string): boolean => pattern === '*' || pattern === value
  return ({ producer, retentionClass }) =>
    routes.find((route) => matches(route.producer, producer) && matches(route.retentionClass, retentionClass))
      ?.backend ?? defaultBackend
}
