import type { StorageCall } from "../../call.ts";
import type { TowerLunSnapshot } from "../cloud-tower/nouns/lun-snapshots.ts";
import type { TowerLun } from "../cloud-tower/nouns/luns.ts";
import { extentTokens } from "../ssh/extent-table.ts";
import { type ProbeGround, stripeBytes } from "./ground.ts";
import { no, type SeenAbilities, type SeenAnswer, seenBy, tried, unknown, yes } from "./seen.ts";

const smallWriteBytes = 4096;

export interface ProbedTables {
  readonly lun: TowerLun;
  /** Of the LUN, as it is now. */
  readonly snapshot: TowerLunSnapshot;
  /** Of the snapshot; nothing was written to it. */
  readonly clone: TowerLun;
}

/** What the extent tables of the cluster's command line tell. The LUN is written to. */
export const tablesTell = async (ground: ProbeGround, of: ProbedTables, call: StorageCall): Promise<SeenAbilities> => {
  if (ground.parts.ssh === undefined) {
    const seen = unknown("storage.ssh is not configured.");
    return { tablesOfSnapshots: seen, tablesShowOneRow: seen, idsSurviveClone: seen };
  }
  return {
    tablesOfSnapshots: await ofSnapshots(ground, of, call),
    idsSurviveClone: await ofClones(ground, of, call),
    tablesShowOneRow: await ofOneWrite(ground, of, call),
  };
};

const ofSnapshots = (ground: ProbeGround, { lun, snapshot }: ProbedTables, call: StorageCall): Promise<SeenAnswer> =>
  seenBy(async () => {
    const own = await ground.table(lun.zbsVolumeId, call);
    const result = await tried(() => ground.table(snapshot.zbsVolumeId, call), call);
    if ("refused" in result) return no(result.refused);
    const differ = differing(extentTokens(own), extentTokens(result.done));
    if (differ.length > 0) return no(`The snapshot's table differs from the LUN's in ${differ.length} rows.`);
    return yes(`The snapshot's table has ${result.done.length} rows, which are the LUN's.`);
  }, call);

const ofClones = (ground: ProbeGround, { lun, clone }: ProbedTables, call: StorageCall): Promise<SeenAnswer> =>
  seenBy(async () => {
    const [own, cloned] = [await ground.table(lun.zbsVolumeId, call), await ground.table(clone.zbsVolumeId, call)];
    const differ = differing(extentTokens(own), extentTokens(cloned));
    const told = `Of ${own.length} rows of a clone's table ${differ.length} are not the snapshot's.`;
    return differ.length === 0 ? yes(told) : no(told);
  }, call);

/** It is written between two snapshots, so that the extent gets a new name. */
const ofOneWrite = (ground: ProbeGround, { lun }: ProbedTables, call: StorageCall): Promise<SeenAnswer> =>
  seenBy(async () => {
    const before = extentTokens(await ground.table(lun.zbsVolumeId, call));
    await ground.write(lun, ground.content.subarray(0, smallWriteBytes), { at: stripeBytes, ...call });
    await ground.snapshot(lun, "after", call);
    const after = extentTokens(await ground.table(lun.zbsVolumeId, call));
    const rows = differing(before, after);
    const told = `A write of ${smallWriteBytes} bytes shows in ${rows.length} rows of ${after.length}`;
    // The second stripe lies in the second extent.
    return rows.length === 1 && rows[0] === 1
      ? yes(`${told}: that of its extent.`)
      : no(`${told}: ${rows.join(", ")}.`);
  }, call);

const differing = (one: readonly unknown[], other: readonly unknown[]): readonly number[] =>
  Array.from({ length: Math.max(one.length, other.length) }, (_, row) => row).filter((row) => one[row] !== other[row]);
