import type { Reason } from "../../../../core/api/reason.ts";
import type { StorageCall } from "../../call.ts";
import type { PrepareMirrorOptions } from "../../control.ts";
import type { VmRow } from "../../extentstore/cluster/vms.ts";
import type { Database } from "../../extentstore/database/database.ts";
import { findMirrorObject } from "../../extentstore/mirrors/mirror-objects.ts";
import type { Hands, KeptShell, ShellWish } from "../cluster/hands.ts";
import { shellFolder } from "../names.ts";
import { vmDraft } from "../records/vm-draft.ts";

/*
 * The shell of a VM's mirror: a VM on the cluster that shows whether it takes one that is shaped
 * and connected so. It has no disks, its NICs are off and have addresses of the cluster's own, so
 * nothing happens where somebody starts it.
 */

export interface ShellToKeep {
  readonly vmId: string;
  readonly wish: ShellWish;
  /** CloudTower's id of the one that is there. */
  readonly known: string | undefined;
}

/** When the mirror is prepared. Inside a transaction. @returns undefined: it has none */
export const shellToKeep = (
  database: Database,
  { owner, object, staged }: PrepareMirrorOptions,
): ShellToKeep | undefined => {
  if (object.kind !== "vm" || staged !== undefined) return undefined;
  const vmId = findMirrorObject(database, owner, object.id)?.vmId ?? "";
  const row = database.one<VmRow>("SELECT * FROM vms WHERE id = ?", vmId);
  if (row === undefined) return undefined;
  const { config, nics } = vmDraft(database, row);
  const known = database.one<{ vm: string }>("SELECT vm FROM shells WHERE vmId = ?", vmId)?.vm;
  const folder = shellFolder(owner);
  const off = nics
    .filter(({ virtualSwitch }) => virtualSwitch !== null)
    .map(({ model, virtualSwitch, vlan }) => ({ model, virtualSwitch, vlan, enabled: false }));
  return { vmId, known, wish: { name: `${folder}.${vmId}`, folder, of: row.name, config, nics: off } };
};

export const keepShell = async (
  hands: Hands,
  shell: ShellToKeep | undefined,
  call: StorageCall,
): Promise<KeptShell | undefined> => shell && hands.keepShell(shell.wish, shell.known, call);

/** Inside a transaction. */
export const putShell = (database: Database, shell: ShellToKeep | undefined, kept: KeptShell | undefined): void => {
  if (shell === undefined || kept?.ref === undefined) return;
  const { vm, localId } = kept.ref;
  database.run("INSERT OR REPLACE INTO shells VALUES (?, ?, ?)", shell.vmId, vm, localId);
};

/** What the cluster refused of it, for people. */
export const warningsOf = (shell: ShellToKeep | undefined, kept: KeptShell | undefined): readonly Reason[] =>
  (kept?.refusals ?? []).map(({ code, message }) => {
    const what = kept?.ref === undefined ? "can't be made as it is mapped" : "has its shell outside the plan's folder";
    return { code, message: `The VM “${shell?.wish.of}” ${what} on the target's cluster: ${message}` };
  });
