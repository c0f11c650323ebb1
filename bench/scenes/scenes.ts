/** Every scene, in the order in which they are run. */
import type { Scene } from '../scene.ts'
import { content } from './content.ts'
import { footprint } from './footprint.ts'
import { manyTags } from './many-tags.ts'
import { mixed } from './mixed.ts'
import { pullStorm } from './pull-storm.ts'
import { pushes } from './pushes.ts'
import { referrers } from './referrers.ts'

// biome-ignore lint/suspicious/noExplicitAny: each scene has a content of its own, which nobody else looks at
export const SCENES: readonly Scene<any>[] = [
  content,
  manyTags({ full: 3_000, quick: 500 }),
  // Filling the others with as much takes longer than all the rest; whether ours is flat is seen against itself.
  manyTags({ full: 100_000, quick: 0, only: ['ours'] }),
  referrers({ full: 2_000, quick: 300 }),
  referrers({ full: 10_000, quick: 0, only: ['ours'] }),
  pushes,
  pullStorm,
  mixed,
  footprint,
]
