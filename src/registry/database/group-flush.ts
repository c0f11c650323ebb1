/**
 * One flush at a time, shared: whoever asks while one runs waits for the next, because a flush covers only what was
 * committed before it began (core-rules 2). A flush that failed is never tried again: the kernel reports lost pages once,
 * and the next flush would succeed without them.
 */
export class GroupFlush {
  readonly #flush: () => Promise<void>
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined
  #failure: { readonly error: unknown } | undefined

  constructor(flush: () => Promise<void>) {
    this.#flush = flush
  }

  /** Resolves when everything committed before this call is on disk; rejects for ever once a flush has failed. */
  flush(): Promise<void> {
    // Between the end of one flush and the start of the next there is a moment in which only `#next` tells of it.
    if (!this.#next && !this.#running) return this.#start()
    this.#next ??= this.#running!.then(() => this.#start())
    return this.#next
  }

  /** Resolves when no flush runs or waits, however they ended. */
  async settled(): Promise<void> {
    await this.#next?.catch(() => undefined)
    await this.#running?.catch(() => undefined)
  }

  #start(): Promise<void> {
    this.#next = undefined
    if (this.#failure) return Promise.reject(this.#failure.error)
    this.#running = this.#flush()
      .catch((error) => {
        this.#failure = { error }
        throw error
      })
      .finally(() => {
        this.#running = undefined
      })
    return this.#running
  }
}
