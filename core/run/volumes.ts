import type { TaskResultOf } from "../api/task.ts";

/** A part of a snapshot's answer. */
type Part = Pick<TaskResultOf<"snapshot">, "from" | "fromVolume" | "objects">;

/** Which volumes of a run the objects in a part of its snapshot's answer have. */
export interface PlacedVolumes {
  /**
   * The run's index of each object's volumes. Null: an object of another part has it
   * as well, and tells it.
   */
  readonly indices: readonly (readonly (number | null)[])[];
  /** How many volumes each object has that none before it has. */
  readonly own: readonly number[];
  /** Each object has one volume, and that has the object's index: nothing need be told of it. */
  readonly isPlain: boolean;
}

/** A run has no more volumes: their documents are in order by numbers of five digits. */
export const volumesMax = 99_999;

/** How many volumes a run has up to the end of a part. */
export const volumesUpTo = (part: Part): number =>
  placedVolumes(part).own.reduce((sum, count) => sum + count, part.fromVolume ?? part.from);

/**
 * A run's volumes are counted in the order of its objects, each once, however many objects have it.
 */
export const placedVolumes = ({ from, fromVolume = from, objects }: Part): PlacedVolumes => {
  const known = new Map<string, number>();
  let next = fromVolume;
  const indices = objects.map(({ config, repeated = [] }) =>
    config.volumes.map(({ id }, place) => {
      const index = known.get(id);
      if (index !== undefined) return index;
      if (repeated.includes(place)) return null;
      known.set(id, next);
      next += 1;
      return next - 1;
    }),
  );
  const firsts = new Set<number>();
  const own = indices.map((some) => some.filter((index) => index !== null && isFirst(firsts, index)).length);
  const isPlain = from === fromVolume && indices.every((some, i) => some.length === 1 && some[0] === from + i);
  return { indices, own, isPlain };
};

const isFirst = (seen: Set<number>, index: number): boolean => {
  const { size } = seen;
  return seen.add(index).size > size;
};

/** What is kept of a part that is not plain: how many volumes of their own its objects have. */
export interface VolumePage {
  /** The first object's index. */
  readonly from: number;
  readonly own: readonly number[];
}

/**
 * Whether a part needs one: volumes of its own, and not as many as it has objects,
 * each with its index.
 */
export const hasVolumePage = ({ own, isPlain }: Pick<PlacedVolumes, "own" | "isPlain">): boolean =>
  !isPlain && own.some((count) => count > 0);

/**
 * The index of the object that a volume is sent for: the first that has it.
 * @param page the one that begins with the volume or nearest before it; undefined: none does
 * @param fromVolume the volume that it begins with
 */
export const objectOfVolume = (index: number, page: VolumePage | undefined, fromVolume = 0): number => {
  let before = fromVolume;
  for (const [place, count] of (page?.own ?? []).entries()) {
    if (index < before + count) return (page?.from ?? 0) + place;
    before += count;
  }
  // It is in a part that is plain.
  return index;
};
