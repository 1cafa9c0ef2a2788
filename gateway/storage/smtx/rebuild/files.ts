import { VisibleError } from "../../../../core/api/errors.ts";
import type { StorageCall } from "../../call.ts";
import type { ObjectId } from "../../control.ts";
import { findMade } from "../../extentstore/cluster/rebuilt.ts";
import type { Database } from "../../extentstore/database/database.ts";
import { abilitiesOf } from "../abilities/abilities.ts";
import { noDirectoryFor } from "../cluster/directories.ts";
import type { FileRef, FileWish } from "../cluster/hands.ts";
import { noShellForFiles } from "../cluster/tower-files.ts";
import type { ClusterContext } from "../context.ts";
import { exportSettings, type FileToBe, fileOfVolume, listFilesToBe, putMadeFile } from "../files/files-of-volumes.ts";
import type { FoundCluster } from "../inventory/found.ts";
import { raiseGeneration } from "../records/generation.ts";

/*
 * Files of restores. The cluster makes one of a LUN and gives it its name at once, so that it is a
 * LUN of ours stands in the records before: who comes after a death finds either.
 */

/** What is in the way of a file that is to be called so. */
export const fileObstacle = (
  { hasCommandLine }: Pick<ClusterContext, "hasCommandLine">,
  { database, found, name }: { readonly database: Database; readonly found: FoundCluster; readonly name: string },
): VisibleError | undefined => {
  if (!hasCommandLine) return noShellForFiles();
  if (abilitiesOf(database).makesFiles.answer === "no") return noCommandForFiles();
  return noDirectoryFor(found.directories, name) ?? (commandName.test(name) ? undefined : noCommandName(name));
};

/** What the nodes' forced command lets through, and no program takes for an option. */
const commandName = /\/[\w.:=@,+][\w.:=@,+-]*$/;

const noCommandName = (name: string): VisibleError =>
  new VisibleError("BAD_REQUEST", `The nodes' command line can't make a file that is called “${name}”.`, {
    hint: "It takes letters without accents, digits and . : = @ , + _ -, with no dash first. Give the file another name with: smtx-backup rebuild GROUP --site SITE --rename OLD=NEW",
  });

const noCommandForFiles = (): VisibleError =>
  new VisibleError("OBJECT_KIND_UNSUPPORTED", "The command line of this cluster's nodes makes no files.", {
    hint: "Rebuild it at a site that can, or read it out of the group: smtx-backup group attach GROUP --object NAME --site SITE. After an update of the cluster ask it anew: smtx-backup gateway probe",
  });

/** Of these volumes, the LUNs that are to be files become them. Idempotent. */
export const makeFiles = async (
  { ledger, hands }: ClusterContext,
  volumeIds: readonly string[],
  call?: StorageCall,
): Promise<void> => {
  for (const one of await ledger.read(listFilesToBe, call)) {
    if (!volumeIds.includes(one.volumeId)) continue;
    const file = await hands.makeFile(wishOf(one), call);
    await ledger.change((database) => {
      putMadeFile(database, one, file);
      // Who has looked before sees neither a LUN nor a file.
      raiseGeneration(database);
    }, call);
  }
};

const wishOf = (file: FileToBe): FileWish => ({
  ...{ zbsVolumeId: file.zbsVolumeId, export: file.export, path: file.path },
  settings: exportSettings(file),
});

/**
 * What a restore has made of a file: that, or what is to be it. Inside a transaction.
 */
export const madeFile = (database: Database, { kind, id }: ObjectId): FileRef | FileWish | undefined => {
  const made = kind === "nfs-file" ? findMade(database, { kind, id }) : undefined;
  if (made?.role !== "rebuilt") return undefined;
  const toBe = listFilesToBe(database).find(({ volumeId }) => volumeId === made.id);
  return toBe === undefined ? fileOfVolume(database, made.id) : wishOf(toBe);
};
