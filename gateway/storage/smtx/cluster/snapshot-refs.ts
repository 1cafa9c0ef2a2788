/*
 * By what a snapshot is known: CloudTower's id, or, where it knows none, the cluster's own id with
 * a mark before it.
 */

const mark = "zbs:";

export const refOfZbs = (zbsVolumeId: string): string => mark + zbsVolumeId;

/** The cluster's own id of a snapshot that CloudTower does not know. */
export const zbsOfRef = (ref: string): string | undefined =>
  ref.startsWith(mark) ? ref.slice(mark.length) : undefined;
