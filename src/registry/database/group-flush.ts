/**
 * One flush at a time, shared: whoever asks while one runs waits for the next, because a flush covers only what was
 * committed before it began (core-rules 2).
 */
export class GroupFlush {
  readonly #flush: () => Promise<void>
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined

  constructor(flush: () => Promise<void>) {
    this.#flush = flush
  }

  /** Resolves when everything committed before this call is on disk. */
  flush(): Promise<void> {
    // Between the end of one flush and the start of the next there is a moment in which only `#next` tells of it.
    if (!this.#next && !this.#running) return this.#start()
    this.#next ??= this.#running!.then(() => this.#start())
    return this.#next
  }

  async settled(): Promise<void> {
    await this.#next
    await this.#running
  }

  #start(): Promise<void> {
    this.#next = undefined
    this.#running = this.#flush().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }
}
