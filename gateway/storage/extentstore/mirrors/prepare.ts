import type { MirrorVolume, Owner, PrepareMirrorOptions } from "../../control.ts";
import { groupExists, groupStale, newestPublished, refuseOtherRun } from "../cluster/order.ts";
import { findPool, refuseFullPool } from "../cluster/pools.ts";
import { findPublished, snapshotOfSource } from "../cluster/snapshots.ts";
import type { Database } from "../database/database.ts";
import { refuseAborted } from "./aborted.ts";
import { setGrant } from "./grants.ts";
import { findMirrorObject, type MirrorObjectRow, newestWithVolumes, setMirrorObject } from "./mirror-objects.ts";
import { mirrorVm } from "./mirror-vms.ts";
import { ensureMirrorVolumes } from "./mirror-volumes.ts";
import { mirrorOfVolume } from "./mirrors.ts";
import { keepPrepared } from "./prepared.ts";
import { rememberStaged } from "./staged.ts";

/**
 * Makes an object's mirror, or brings it to what the object is now (W6, W10): its volumes, and for
 * a VM the VM. What a mirror has no more is left to the publication of the group that does not have
 * it. Inside a transaction.
 * @throws GROUP_EXISTS, GROUP_STALE, GROUP_ABORTED, NOT_OURS, POOL_UNKNOWN, POOL_FULL,
 *   SWITCH_UNKNOWN, OBJECT_NAME_TAKEN, BAD_REQUEST
 */
export const prepareMirror = (database: Database, options: PrepareMirrorOptions): readonly MirrorVolume[] => {
  const { owner, object, mapping, run, staged } = options;
  const known = findMirrorObject(database, owner, object.id);
  if (run !== undefined) {
    refuseAborted(database, run.groupId, owner);
    const published = publishedAs(database, options, run);
    if (published !== undefined) return published;
    refuseOvertaken(database, { owner, run, known, options });
  }
  if (staged !== undefined) rememberStaged(database, owner, staged);
  const pool = findPool(database, mapping?.pool);
  const { mirrors, needsSpace } = ensureMirrorVolumes(database, { owner, object, pool });
  if (needsSpace) refuseFullPool(database, pool, `the mirror of “${object.name}”`);
  const vmId = object.kind === "vm" ? mirrorVm(database, { owner, object, mapping, mirrors, vmId: known?.vmId }) : null;
  const mirrorObject = setMirrorObject(database, {
    ...{ owner, object, vmId, mapping },
    volumeIds: mirrors.map(({ mirrorVolumeId }) => mirrorVolumeId),
    sequence: run?.sequence ?? 0,
  });
  if (run !== undefined) {
    keepPrepared(database, { mirrorObject, object, mapping, run });
    for (const { mirrorVolumeId } of mirrors) setGrant(database, mirrorVolumeId, run);
  }
  return mirrors;
};

type Run = NonNullable<PrepareMirrorOptions["run"]>;

/**
 * Where the run's group is there already, the mirrors that it has: a late copy of its task must not
 * change them any more.
 * @throws GROUP_EXISTS
 */
const publishedAs = (
  database: Database,
  { owner, object }: PrepareMirrorOptions,
  { groupId, sequence }: Run,
): readonly MirrorVolume[] | undefined => {
  const group = findPublished(database, groupId, owner);
  if (group === undefined) return undefined;
  refuseOtherRun(group, sequence);
  return object.volumes.map(({ id }) => {
    const snapshot = snapshotOfSource(database, groupId, id);
    if (snapshot === undefined) throw groupExists(group, `it has nothing of “${object.name}”`);
    return { sourceVolumeId: id, mirrorVolumeId: snapshot.volumeId };
  });
};

/**
 * A run that newer ones have overtaken would give the mirror the name and shape that
 * its source had then.
 * @throws GROUP_STALE
 */
const refuseOvertaken = (
  database: Database,
  of: {
    readonly owner: Owner;
    readonly run: Run;
    readonly known: MirrorObjectRow | undefined;
    readonly options: PrepareMirrorOptions;
  },
): void => {
  const { owner, run, known } = of;
  const { groupId, sequence } = run;
  const written = of.options.object.volumes.map(({ id }) => {
    const mirror = mirrorOfVolume(database, owner, id);
    const isThis = mirror?.groupId === groupId && mirror.sequence === sequence;
    return isThis ? 0 : (mirror?.sequence ?? 0);
  });
  // One that the same run prepares again is no newer; what shares a volume with it may be.
  const prepared = known === undefined || known.sequence === sequence ? 0 : known.sequence;
  const sharing = newestWithVolumes(database, owner, of.options.object);
  const newest = Math.max(newestPublished(database, owner), prepared, sharing > sequence ? sharing : 0, ...written);
  if (sequence <= newest) throw groupStale({ groupId, sequence, newest, what: "the site has or gets of the plan" });
};
