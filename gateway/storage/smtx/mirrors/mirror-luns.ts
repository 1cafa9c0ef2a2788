import { VisibleError } from "../../../../core/api/errors.ts";
import type { GroupId } from "../../../../core/api/ids.ts";
import type { Owner } from "../../control.ts";
import { snapshotOfSource } from "../../extentstore/cluster/snapshots.ts";
import type { VolumeRow } from "../../extentstore/cluster/volume-row.ts";
import type { Database } from "../../extentstore/database/database.ts";
import type { LunRef, LunWish } from "../cluster/hands.ts";
import { digestOf, ourName, ownerTag } from "../names.ts";
import { eraOf } from "../records/era.ts";
import { askedLunId, lunOfVolume, putLun } from "../records/luns.ts";
import { putReset } from "./resets.ts";

/*
 * Where mirrors lie on the cluster: whatever their kind, as LUNs in targets of ours, one target for
 * each of the source's, since LUNs keep their ids (W6), and for each way of striping. The rest of
 * what an object is stands in the records.
 */

/**
 * The LUN that a mirror volume is to have. Where another mirror has the LUN id still, as that of a
 * LUN that was made anew at the source has, it lies in one more target.
 */
const mirrorLun = (database: Database, row: VolumeRow, now: LunRef | undefined): LunWish => {
  const owner = ownerTag({ planId: row.planId, source: row.source } as Owner);
  const { stripeCount, stripeBytes } = row;
  const lunId = askedLunId(row);
  const era = eraOf(database);
  const targets = Array.from({ length: targetsMax }, (_, n) => {
    const place = digestOf(
      row.kind,
      row.lunTarget ?? "",
      `${stripeCount}x${stripeBytes}`,
      ...(n === 0 ? [] : [`${n}`]),
      ...(era === undefined ? [] : [`after ${era}`]),
    );
    return ourName("mirror", owner, place);
  });
  const there = targets.find((name) => name === now?.target && (lunId === undefined || lunId === now.lunId));
  const free = targets.find((name) => lunId === undefined || !isTaken(database, name, lunId, row.id));
  return {
    target: { name: there ?? free ?? noPlace(row), stripeCount, stripeBytes },
    name: ourName("mirror", owner, row.id),
    lunId,
    sizeBytes: row.sizeBytes,
  };
};

const targetsMax = 16;

const isTaken = (database: Database, target: string, lunId: number, volumeId: string): boolean =>
  database.one(
    "SELECT 1 FROM lunsOfVolumes WHERE target = ? AND lunId = ? AND volumeId <> ?",
    target,
    lunId,
    volumeId,
  ) !== undefined;

const noPlace = ({ name, lunId }: VolumeRow): never => {
  throw new VisibleError("LUN_ID_TAKEN", `There are ${targetsMax} mirrors with the LUN id ${lunId} of “${name}”.`, {
    hint: "Run the plan to its end once, so that mirrors of what is gone are removed.",
  });
};

/** A mirror volume that has no LUN yet, or not the one that it is to have. */
export interface MirrorToMake {
  readonly volumeId: string;
  readonly wish: LunWish;
  readonly now: LunRef | undefined;
}

/** Of these mirrors, those whose LUNs have to be made, grown or replaced. */
export const mirrorsToMake = (database: Database, volumeIds: readonly string[]): readonly MirrorToMake[] =>
  [...new Set(volumeIds)].flatMap((volumeId) => {
    const row = database.one<VolumeRow>("SELECT * FROM volumes WHERE id = ? AND role = 'mirror'", volumeId);
    if (row === undefined) return [];
    const now = lunOfVolume(database, volumeId);
    const wish = mirrorLun(database, row, now);
    return now !== undefined && isAsWished(now, wish) ? [] : [{ volumeId, wish, now }];
  });

/** One that is larger than it has to be stays: LUNs do not shrink. */
const isAsWished = (now: LunRef, wish: LunWish): boolean => isInPlace(now, wish) && now.sizeBytes >= wish.sizeBytes;

export const isInPlace = (now: LunRef, wish: LunWish): boolean =>
  now.target === wish.target.name && (wish.lunId === undefined || now.lunId === wish.lunId);

/**
 * Inside a transaction. Where a mirror gets another LUN, what was written to the one before is
 * written again.
 */
export const placeMirror = (database: Database, { volumeId, wish, now }: MirrorToMake, made: LunRef): void => {
  putLun(database, volumeId, made);
  if (now === undefined || isInPlace(now, wish)) return;
  database.run("DELETE FROM doneExtents WHERE volumeId = ?", volumeId);
  database.run("UPDATE mirrors SET complete = 0 WHERE volumeId = ?", volumeId);
  const base = database.one<{ baseGroupId: GroupId | null; sourceVolumeId: string }>(
    "SELECT baseGroupId, sourceVolumeId FROM mirrors WHERE volumeId = ?",
    volumeId,
  );
  const snapshot = base?.baseGroupId && snapshotOfSource(database, base.baseGroupId, base.sourceVolumeId);
  putReset(database, volumeId, snapshot ? snapshot.tableId : undefined);
};
