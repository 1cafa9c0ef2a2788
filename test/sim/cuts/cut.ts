/** Whoever is cut is dead: it makes no further call. */
export class Died extends Error {}

/** One task that a gateway does, or one message that the control plane takes in. */
interface Life {
  isDead: boolean;
}

type Caller = "storage" | "control plane";

/** Whose calls are cut. */
export interface Cuttable {
  readonly of: Caller;
  /** Of storages: those that are made in these steps. All, unless given. */
  readonly steps?: readonly string[] | undefined;
}

/**
 * Lives go on until the one that comes to the n-th place: before a call, after its effect, or
 * between two parts of it.
 */
export class Cut {
  readonly #of: Cuttable;
  /** The living have come to so many places. */
  readonly came = { storage: 0, "control plane": 0 };
  #left: number;
  /** Of the one who died. */
  place: string | undefined;

  /** @param n counted from 1 */
  constructor(of: Cuttable, n: number) {
    this.#of = of;
    this.#left = n;
  }

  static never(): Cut {
    return new Cut({ of: "storage" }, Number.POSITIVE_INFINITY);
  }

  /** @throws Died */
  readonly come = (life: Life, of: Caller, place: string): void => {
    const { steps } = this.#of;
    const isCounted = of === this.#of.of && (steps?.some((step) => place.startsWith(`${step}: `)) ?? true);
    if (!life.isDead) this.came[of] += 1;
    if (!life.isDead && isCounted) this.#left -= 1;
    if (this.#left === 0 && this.place === undefined) {
      life.isDead = true;
      this.place = place;
    }
    if (life.isDead) throw new Died();
  };
}

/** The same, but its calls come to places before and after their effects. */
export const cutAround = <T extends object>(of: T, { come, names }: Around<T>): T =>
  new Proxy(of, {
    get: (_, name) => {
      const method = Reflect.get(of, name, of);
      if (typeof method !== "function") return method;
      const call = (...values: unknown[]) => Reflect.apply(method, of, values);
      if (names !== undefined && !names.includes(name as keyof T)) return call;
      return async (...values: unknown[]) => {
        come(`${String(name)}, before`);
        const result = await call(...values);
        come(`${String(name)}, after`);
        return result;
      };
    },
  });

interface Around<T> {
  /** @throws Died */
  readonly come: (place: string) => void;
  /** All of its calls, unless given. */
  readonly names?: readonly (keyof T)[];
}
