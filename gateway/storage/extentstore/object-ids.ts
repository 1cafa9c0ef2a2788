import type { ObjectId } from "../control.ts";
import type { VolumeRow } from "./volume-row.ts";

/** What an object of each kind has in place of `volume` in its volume's id. */
const idPrefix = { lun: "lun", "nfs-file": "file", volume: "volume" } as const;

/** The id by which everybody names a volume: that of the object that it is. */
export const objectIdOf = ({ kind, id }: Pick<VolumeRow, "kind" | "id">): string =>
  id.replace(/^volume/, idPrefix[kind]);

/** The id of the volume that an object of one volume has, as far as that can be told from its own. */
export const volumeIdOf = ({ kind, id }: ObjectId): string | undefined => {
  if (kind === "vm") return undefined;
  const prefix = `${idPrefix[kind]}-`;
  return id.startsWith(prefix) ? `volume-${id.slice(prefix.length)}` : undefined;
};
