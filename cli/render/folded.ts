interface Foldable {
  readonly kind: string;
  readonly name: string;
  readonly because?: string | undefined;
}

/** One object, or the files of one directory that are in a list for the same reason. */
export interface Row<T> {
  readonly name: string;
  readonly first: T;
  readonly all: readonly T[];
}

/** Fewer files of a directory stand by themselves. */
const foldedMin = 4;

/**
 * Objects as lines of a table, in their order; files of a directory are one,
 * where its first one is.
 */
export const foldedRows = <T extends Foldable>(objects: readonly T[]): readonly Row<T>[] => {
  const byPlace = Map.groupBy(objects, placeOf);
  const begun = new Set<string>();
  return objects.flatMap((object) => {
    const place = placeOf(object);
    const all = byPlace.get(place) ?? [];
    if (object.kind !== "nfs-file" || all.length < foldedMin) {
      return [{ name: object.name, first: object, all: [object] }];
    }
    if (begun.has(place)) return [];
    begun.add(place);
    return [{ name: `${directoryOf(object)} (${all.length} files)`, first: object, all }];
  });
};

/** With the slash at its end. */
const directoryOf = ({ name }: Foldable): string => name.slice(0, name.lastIndexOf("/") + 1);

const placeOf = (object: Foldable): string =>
  JSON.stringify([object.kind === "nfs-file", directoryOf(object), object.because]);

/** What is not in a table of such lines, below it. @param more objects that are left out */
export const restText = (more: number, isFolded: boolean): readonly string[] => {
  if (more > 0) return [`and ${more} more; --json has them all`];
  return isFolded ? ["Files of one directory are one line; --json has each."] : [];
};
