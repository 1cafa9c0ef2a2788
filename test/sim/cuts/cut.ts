/** Whoever is cut is dead: it makes no further call. */
export class Died extends Error {}

/** One task that a gateway does, or one message that the control plane takes in. */
interface Life {
  isDead: boolean;
}

/**
 * Lives go on until the one that comes to the n-th place: before a call, after its effect, or
 * between two parts of it.
 */
export class Cut {
  #left: number;
  /** Of the one who died. */
  place: string | undefined;

  /** @param n counted from 1 */
  constructor(n: number) {
    this.#left = n;
  }

  /** @throws Died */
  readonly come = (life: Life, place: string): void => {
    if (!life.isDead) this.#left -= 1;
    if (this.#left === 0 && !life.isDead) {
      life.isDead = true;
      this.place = place;
    }
    if (life.isDead) throw new Died();
  };

  async #call<T>(life: Life, name: string, call: () => Promise<T>): Promise<T> {
    this.come(life, `${name}, before`);
    const result = await call();
    this.come(life, `${name}, after`);
    return result;
  }

  /**
   * The same, but the calls of these names come to places of their own.
   * @param what they are said to be called by
   */
  around<T extends object>(of: T, { what, life, names }: Around<T>): T {
    return new Proxy(of, {
      get: (_, name) => {
        const method = Reflect.get(of, name, of);
        if (typeof method !== "function") return method;
        const call = (...values: unknown[]) => Reflect.apply(method, of, values);
        if (names !== undefined && !names.includes(name as keyof T)) return call;
        return (...values: unknown[]) => this.#call(life, `${what}: ${String(name)}`, () => call(...values));
      },
    });
  }
}

interface Around<T> {
  readonly what: string;
  readonly life: Life;
  /** All of them, unless given. */
  readonly names?: readonly (keyof T)[];
}
