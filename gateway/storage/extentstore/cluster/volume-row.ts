import type { Geometry } from "../../../../core/api/object/volume-shape.ts";
import type { ObjectId } from "../../control.ts";

/** A volume as the store's table has it. */
export interface VolumeRow {
  readonly id: string;
  readonly role: "plain" | "mirror" | "rebuilt";
  readonly kind: "lun" | "volume" | "nfs-file";
  /** Of a file that is no mirror, `/exports/EXPORT/PATH`. */
  readonly name: string;
  readonly sizeBytes: number;
  readonly extentBytes: number;
  readonly stripeCount: number;
  readonly stripeBytes: number;
  readonly pool: string;
  readonly lunTarget: string | null;
  readonly lunId: number | null;
  readonly allowedInitiators: string | null;
  readonly export: string | null;
  readonly path: string | null;
  readonly sharing: 0 | 1;
  /** The VM that it was made with, and goes with. */
  readonly vmId: string | null;
  /** JSON. */
  readonly labels: string | null;
  readonly planId: string | null;
  readonly source: string | null;
  readonly rebuildKey: string | null;
  readonly tableId: number;
  readonly writer: string | null;
}

export const geometryOf = (row: Geometry): Geometry => ({
  extentBytes: row.extentBytes,
  stripeCount: row.stripeCount,
  stripeBytes: row.stripeBytes,
});

/** What an object of each kind has in place of `volume` in its volume's id. */
const idPrefix = { lun: "lun", "nfs-file": "file", volume: "volume" } as const;

/** The id by which everybody names a volume: that of the object that it is. */
export const objectIdOf = ({ kind, id }: Pick<VolumeRow, "kind" | "id">): string =>
  id.replace(/^volume/, idPrefix[kind]);

/**
 * The id of the volume that an object of one volume has, as far as that can be told from its own.
 */
export const volumeIdOf = ({ kind, id }: ObjectId): string | undefined => {
  if (kind === "vm") return undefined;
  const prefix = `${idPrefix[kind]}-`;
  return id.startsWith(prefix) ? `volume-${id.slice(prefix.length)}` : undefined;
};
