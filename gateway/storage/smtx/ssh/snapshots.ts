import { VisibleError } from "../../../../core/api/errors.ts";
import type { StorageCall } from "../../call.ts";
import { unlessGone } from "./files.ts";
import { fieldOf, notUnderstood, type PrintedFields, printedObjects, textOf } from "./printed.ts";
import type { SshRunner } from "./runner.ts";

/*
 * What the nodes' command line can and CloudTower cannot. Their options are as they were read of;
 * none of it was run on a cluster.
 */

/** Of a command line: sshd takes 128 KiB and more of one. */
export const volumesMax = 500;

export interface WantedVolumeSnapshot {
  /** Of a LUN, a virtual volume or an NFS file. */
  readonly zbsVolumeId: string;
  readonly name: string;
}

/**
 * A snapshot of each of these volumes, of whatever kind, all at one instant.
 * @returns by name, which id on the cluster each has
 * @throws what `SshRunner.run` does; OutcomeUnknownError where the answer was lost
 */
export const snapshotTogether = async (
  ssh: SshRunner,
  wanted: readonly WantedVolumeSnapshot[],
  call?: StorageCall,
): Promise<ReadonlyMap<string, string>> => {
  if (wanted.length > volumesMax) throw tooMany(wanted.length);
  const pairs = wanted.flatMap(({ zbsVolumeId, name }) => [zbsVolumeId, name]);
  const words = ["zbs-meta", "-f", "json", "snapshot", "batch_create", ...pairs];
  const made = idsByName(await ssh.run({ words, isChange: true }, call));
  for (const { name } of wanted) if (!made.has(name)) throw notUnderstood(`it tells of no snapshot “${name}”`);
  return made;
};

/** All snapshots of a volume that have a name: by name, the id. */
export const snapshotsOf = async (
  ssh: SshRunner,
  zbsVolumeId: string,
  call?: StorageCall,
): Promise<ReadonlyMap<string, string>> =>
  idsByName(await ssh.run({ words: ["zbs-meta", "-f", "json", "snapshot", "list_by_id", zbsVolumeId] }, call));

/** Idempotent. */
export const deleteSnapshot = async (ssh: SshRunner, snapshotId: string, call?: StorageCall): Promise<void> => {
  const words = ["zbs-meta", "snapshot", "delete_by_id", snapshotId];
  // Run twice it does no more than run once.
  await ssh.run({ words }, call).catch(unlessGone);
};

/**
 * A LUN that begins as a snapshot, of whatever it is one, in a target.
 * @throws what `SshRunner.run` does; OutcomeUnknownError where the answer was lost
 */
export const cloneToLun = async (
  ssh: SshRunner,
  wanted: { readonly snapshotId: string; readonly target: string; readonly lunId: number; readonly name: string },
  call?: StorageCall,
): Promise<{ readonly zbsVolumeId: string }> => {
  const { snapshotId, target, lunId, name } = wanted;
  const place = ["--src_snapshot_id", snapshotId, "--name", name];
  const words = ["zbs-iscsi", "-f", "json", "lun", "clone", target, `${lunId}`, ...place];
  const [made] = printedObjects(await ssh.run({ words, isChange: true }, call));
  const zbsVolumeId = made && textOf(made, ["volumeid", "id"]);
  if (zbsVolumeId === undefined) throw notUnderstood("it tells of no LUN that was made");
  return { zbsVolumeId };
};

const idsByName = (printed: string): ReadonlyMap<string, string> =>
  new Map(printedObjects(printed).flatMap((fields) => idAndName(fields)));

const idAndName = (fields: PrintedFields): readonly (readonly [string, string])[] => {
  const [name, id] = [textOf(fields, ["snapshotname", "name"]), textOf(fields, ["snapshotid", "id"])];
  if (name !== undefined && id !== undefined) return [[name, id]];
  if (fieldOf(fields, ["error"]) !== undefined) throw notUnderstood("it tells of an error");
  return [];
};

const tooMany = (count: number) =>
  new VisibleError("BAD_REQUEST", `${count} volumes are more than one snapshot takes at an instant: ${volumesMax}.`, {
    hint: "Divide the plan.",
  });
