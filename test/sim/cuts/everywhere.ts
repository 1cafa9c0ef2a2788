import { Cut, type Cuttable } from "./cut.ts";
import type { CutWorld } from "./world.ts";

interface Played<World extends CutWorld> {
  readonly open: () => Promise<World>;
  /** Plays it with the cut. */
  readonly play: (world: World, cut: Cut) => Promise<void>;
}

const playOnce = async <World extends CutWorld>({ open, play }: Played<World>, cut: Cut, what: string) => {
  const world = await open();
  try {
    await play(world, cut);
  } catch (cause) {
    throw new Error(`it went wrong, ${what}: ${cut.place}`, { cause });
  } finally {
    await world.remove();
  }
};

const whereOf = (n: number, { of }: Cuttable): string => `cut at call ${n} of the ${of}`;

/**
 * Plays the same over and over, cut at every so many calls, until nobody comes to that one any
 * more. It begins with one of these by chance: so all of them have their turn.
 * @returns where it was cut
 */
export const cutEverywhere = async <World extends CutWorld>(
  what: Cuttable,
  each: number,
  played: Played<World>,
): Promise<readonly string[]> => {
  const places: string[] = [];
  for (let n = 1 + Math.floor(Math.random() * each); ; n += each) {
    const cut = new Cut(what, n);
    await playOnce(played, cut, whereOf(n, what));
    if (cut.place === undefined) return places;
    places.push(cut.place);
  }
};

/** Plays it uncut, and then cut at so many calls of each by chance. @returns where it was cut */
export const cutSomewhere = async <World extends CutWorld>(
  count: number,
  played: Played<World>,
): Promise<readonly string[]> => {
  const uncut = Cut.never();
  await playOnce(played, uncut, "and nobody had died");
  const places: string[] = [];
  for (const of of ["storage", "control plane"] as const) {
    for (let nth = 0; nth < count; nth += 1) {
      const n = 1 + Math.floor(((nth + Math.random()) / count) * uncut.came[of]);
      const cut = new Cut({ of }, n);
      await playOnce(played, cut, whereOf(n, { of }));
      if (cut.place !== undefined) places.push(cut.place);
    }
  }
  return places;
};
