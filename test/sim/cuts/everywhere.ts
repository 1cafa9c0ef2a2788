import { Cut, type Cuttable } from "./cut.ts";
import type { CutWorld } from "./world.ts";

interface Everywhere<World extends CutWorld> {
  readonly what: Cuttable;
  /** Every so many calls are cut. Those of a moment by chance: so all of them have their turn. */
  readonly each: number;
  readonly open: () => Promise<World>;
  /** Plays it with the cut; where nobody came to that place any more, all of them were cut. */
  readonly play: (world: World, cut: Cut) => Promise<void>;
}

/** Plays the same over and over, cut at one call after the other. @returns where it was cut */
export const cutEverywhere = async <World extends CutWorld>({
  what,
  each,
  open,
  play,
}: Everywhere<World>): Promise<readonly string[]> => {
  const places: string[] = [];
  for (let n = 1 + (Math.floor(Date.now() / 1000) % each); ; n += each) {
    const world = await open();
    const cut = new Cut(what, n);
    try {
      await play(world, cut);
    } catch (cause) {
      throw new Error(`it went wrong, cut at call ${n} of the ${what.of}: ${cut.place}`, { cause });
    } finally {
      await world.remove();
    }
    if (cut.place === undefined) return places;
    places.push(cut.place);
  }
};
