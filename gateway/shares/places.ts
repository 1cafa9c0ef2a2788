interface Holder {
  /** Ends what has the place. */
  readonly cut: () => void;
}

/**
 * A number of places that sites hold for as long as they like. When they are all taken, whoever
 * comes gets one all the same, and the site that has the most loses the one it took last. So each
 * site keeps its share, `max` divided by the sites that are there, whatever another does; and a
 * site that has taken more than that loses nothing while nobody else wants it.
 */
export class Places {
  readonly #max: number;
  readonly #bySite = new Map<string, Set<Holder>>();
  #count = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /**
   * Takes a place. What is cut may be what has just come, before this returns.
   * @returns what gives the place back, which counts once
   */
  enter(site: string, cut: () => void): () => void {
    const holder = { cut };
    const holders = this.#bySite.get(site) ?? new Set();
    this.#bySite.set(site, holders.add(holder));
    this.#count += 1;
    if (this.#count > this.#max) this.#cutOne(holders, site);
    return () => this.#leave(site, holder);
  }

  #leave(site: string, holder: Holder): void {
    const holders = this.#bySite.get(site);
    if (holders?.delete(holder) !== true) return;
    this.#count -= 1;
    if (holders.size === 0) this.#bySite.delete(site);
  }

  /** Of whoever has just come, where nobody has more. */
  #cutOne(comer: Set<Holder>, comesFrom: string): void {
    let [site, most] = [comesFrom, comer];
    for (const [other, holders] of this.#bySite) if (holders.size > most.size) [site, most] = [other, holders];
    const newest = [...most].at(-1);
    if (newest === undefined) return;
    this.#leave(site, newest);
    newest.cut();
  }
}
