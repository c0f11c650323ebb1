/**
 * What concurrent clients were told about registers (the tag of a repository, the presence of a manifest), and whether
 * it can be true: a read must show a value that some write put there and that was not surely replaced before the read
 * began. Time is the order of beginnings and ends in this process, so that nothing depends on clocks.
 */
export type Value = string | undefined

interface Write {
  readonly value: Value
  readonly began: number
  /** Infinity: nobody knows whether and when it took effect. */
  ended: number
}

export interface Span {
  readonly began: number
}

export class History {
  readonly #writes = new Map<string, Write[]>()
  #time = 0
  /** Answers that no order of the operations explains. */
  readonly contradictions: string[] = []

  begin(): Span {
    this.#time += 1
    return { began: this.#time }
  }

  /** To be noted before the request goes out: others may see its effect before its answer. Returns how it ends. */
  write(register: string, value: Value): { done(): void; never(): void } {
    this.#time += 1
    const write: Write = { value, began: this.#time, ended: Number.POSITIVE_INFINITY }
    const writes = this.#of(register)
    writes.push(write)
    return {
      done: () => {
        this.#time += 1
        write.ended = this.#time
      },
      never: () => void writes.splice(writes.indexOf(write), 1),
    }
  }

  /** The values that a read which ends now may have seen. */
  possible(register: string, { began }: Span): readonly Value[] {
    const writes = this.#of(register)
    return writes.filter((write) => !writes.some((other) => replaces(other, write, began))).map(({ value }) => value)
  }

  read(register: string, span: Span, seen: Value): void {
    this.readOneOf(register, span, (value) => value === seen, seen ?? 'nothing')
  }

  readOneOf(register: string, span: Span, isSeen: (value: Value) => boolean, shown: string): void {
    const possible = this.possible(register, span)
    if (possible.some(isSeen)) return
    this.contradictions.push(
      `${register} was seen as ${shown} and can only be ${possible.map((each) => each ?? 'nothing')}`,
    )
  }

  #of(register: string): Write[] {
    let writes = this.#writes.get(register)
    if (!writes) {
      writes = [{ value: undefined, began: 0, ended: 0 }]
      this.#writes.set(register, writes)
    }
    return writes
  }
}

/** `other` began after `write` had ended, and had ended itself before `began`. */
function replaces(other: Write, write: Write, began: number): boolean {
  return other !== write && other.began > write.ended && other.ended < began
}
