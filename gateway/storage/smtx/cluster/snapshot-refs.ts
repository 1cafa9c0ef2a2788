import { VisibleError } from "../../../../core/api/errors.ts";

/*
 * By what a snapshot is known: CloudTower's id, or, where it knows none, the cluster's own id with
 * a mark before it.
 */

export const markOfZbs = "zbs:";

export const refOfZbs = (zbsVolumeId: string): string => markOfZbs + zbsVolumeId;

/** The cluster's own id of a snapshot that CloudTower does not know. */
export const zbsOfRef = (ref: string): string | undefined =>
  ref.startsWith(markOfZbs) ? ref.slice(markOfZbs.length) : undefined;

/** CloudTower rolls back only to what it lists. */
export const notListed = (): never => {
  throw new VisibleError("SNAPSHOT_UNKNOWN", "CloudTower does not list a snapshot that the nodes' command line took.", {
    hint: "It may show it later. Until then rebuild beside what there is: smtx-backup rebuild GROUP --site SITE",
  });
};
