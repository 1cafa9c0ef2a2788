/** What a driver's parts say when it is dead. */
export class CutError extends Error {
  constructor() {
    super("the driver has died");
  }
}

/** A driver's death, at one of the calls that it makes: before it had an effect, or after. */
export class DriverCut {
  readonly #at: number;
  readonly #when: "before" | "after";
  #calls = 0;
  #isDead = false;
  /** At which call it died. */
  where: string | undefined;

  /** @param at the call's number from 1 on; 0: it does not die */
  constructor(at = 0, when: "before" | "after" = "before") {
    this.#at = at;
    this.#when = when;
  }

  get calls(): number {
    return this.#calls;
  }

  async guard<T>(name: string, work: () => Promise<T>): Promise<T> {
    this.#refuseDead();
    this.#calls += 1;
    const isIt = this.#calls === this.#at;
    if (isIt && this.#when === "before") this.#die(name);
    this.#refuseDead();
    try {
      return await work();
    } finally {
      if (isIt) this.#die(name);
      this.#refuseDead();
    }
  }

  #die(name: string): void {
    this.where = `${this.#when} ${name}`;
    this.#isDead = true;
  }

  #refuseDead(): void {
    if (this.#isDead) throw new CutError();
  }
}

/** Counted are the calls that reach the cluster; to end is always possible. */
const uncounted = new Set(["close", "constructor"]);

/** The same object, whose calls count, and fail once the driver is dead. */
export const cutting = <T extends object>(target: T, cut: DriverCut, name: string): T =>
  new Proxy(target, {
    get: (_, key) => {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value === "object" && value !== null && key === "reservation") return cutting(value, cut, name);
      if (typeof value !== "function" || typeof key !== "string") return value;
      if (uncounted.has(key)) return value.bind(target);
      return async (...all: readonly unknown[]): Promise<unknown> => {
        const result = await cut.guard(`${name}.${key}`, async () => Reflect.apply(value, target, all));
        return key === "openLun" ? cutting(result as object, cut, "lun") : result;
      };
    },
  });
