/**
 * What the first process of a server and its workers say to each other.
 *
 *   worker   here         it runs, and waits for its configuration
 *   first    start        open, listen
 *   worker   listening    it answers requests
 *   first    sweep        end expired uploads; said to one worker, now and then
 *   worker   count        it was asked for metrics and wants those of all
 *   first    measure      to all: tell yours
 *   worker   measured     these
 *   first    counted      to the one who wanted them
 *   first    drain        finish what runs, and end
 */
import type { Config } from '../config.ts'
import type { MetricsPart } from '../http/index.ts'

export type ToWorker =
  | { readonly kind: 'start'; readonly config: Config; readonly isFirst: boolean }
  | { readonly kind: 'sweep' }
  | { readonly kind: 'measure'; readonly count: number }
  | { readonly kind: 'counted'; readonly id: number; readonly parts: readonly MetricsPart[] }
  | { readonly kind: 'drain' }

export type FromWorker =
  | { readonly kind: 'here' }
  | { readonly kind: 'listening'; readonly host: string; readonly port: number }
  | { readonly kind: 'count'; readonly id: number }
  | { readonly kind: 'measured'; readonly count: number; readonly part: MetricsPart }
