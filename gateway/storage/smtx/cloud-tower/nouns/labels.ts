import { z } from "zod";
import type { StorageCall } from "../../../call.ts";
import type { CloudTower } from "../client.ts";
import { changed, deleted, firstOf, made, type Noun, whereId, whereIds } from "./noun.ts";

/* Labels are for people, who may change them: nothing is known by one. */

const labels: Noun<TowerLabel> = {
  list: "get-labels",
  schema: z
    .object({ id: z.string(), key: z.string(), value: z.string().nullish(), total_num: z.number().nullish() })
    .transform((label) => ({ id: label.id, key: label.key, value: label.value ?? "", uses: label.total_num ?? 0 })),
};

export interface TowerLabel {
  readonly id: string;
  readonly key: string;
  readonly value: string;
  /** By how many things; it may be old. */
  readonly uses: number;
}

/** What may carry a label, as CloudTower names its kinds. */
export type LabelledKind = "vms" | "vm_volumes" | "iscsi_targets" | "iscsi_luns" | "nfs_exports" | "nfs_inodes";

export const findLabel = (
  tower: CloudTower,
  { key, value }: { readonly key: string; readonly value: string },
  call?: StorageCall,
) => firstOf(tower, labels, { key, value }, call);

/** Looks for it first, since making it twice makes two. */
export const ensureLabel = (
  tower: CloudTower,
  wanted: { readonly key: string; readonly value: string },
  call?: StorageCall,
): Promise<TowerLabel> =>
  tower.ensure(
    {
      what: `the label “${wanted.key}: ${wanted.value}”`,
      find: (watch) => findLabel(tower, wanted, watch),
      // Somebody else may be quicker: the cluster has each label once.
      create: (watch) =>
        made(tower, { noun: labels, operation: "create-label", body: [wanted] }, watch).catch(
          async (error: unknown) => {
            if ((await findLabel(tower, wanted, watch)) === undefined) throw error;
          },
        ),
    },
    call,
  );

interface Labelling {
  readonly labelId: string;
  readonly kind: LabelledKind;
  readonly ids: readonly string[];
}

const body = ({ labelId, kind, ids }: Labelling) => ({ ...whereId(labelId), data: { [kind]: whereIds(ids).where } });

/** Idempotent. */
export const addLabel = (tower: CloudTower, of: Labelling, call?: StorageCall): Promise<void> =>
  changed(tower, "add-labels-to-resources", body(of), call);

/** Idempotent. */
export const removeLabel = (tower: CloudTower, of: Labelling, call?: StorageCall): Promise<void> =>
  changed(tower, "remove-labels-from-resources", body(of), call);

/** Idempotent. */
export const deleteLabel = (tower: CloudTower, id: string, call?: StorageCall): Promise<void> =>
  deleted(tower, "delete-label", whereId(id), call);
