import { z } from "zod";
import { VisibleError } from "../../../../core/api/errors.ts";
import type { StorageCall } from "../../call.ts";
import { isOurs, ourName } from "../names.ts";
import { findOne } from "./find-one.ts";
import type { Hands, LunRef, LunWish, TakenSnapshot, VmRef, VmWish, VolumeRef } from "./hands.ts";
import type { TowerHandsOptions } from "./options.ts";
import { ensureTarget, type Target } from "./tower-targets.ts";
import { makeVm, makeVolume, setPower } from "./tower-vms.ts";

const nested = z.looseObject({ id: z.string(), name: z.string() });

const lunSchema = z.looseObject({
  id: z.string(),
  name: z.string(),
  zbs_volume_id: z.string(),
  lun_id: z.number(),
  assigned_size: z.number(),
  iscsi_target: nested,
});
type Lun = z.infer<typeof lunSchema>;

const lunSnapshotSchema = z.looseObject({
  id: z.string(),
  name: z.string(),
  local_id: z.string(),
  iscsi_lun: z.looseObject({ id: z.string() }).nullish(),
});

const groupSchema = z.looseObject({ id: z.string(), name: z.string() });
const groupSnapshotSchema = z.looseObject({
  id: z.string(),
  name: z.string(),
  Iscsi_lun_snapshots: z.array(z.looseObject({ id: z.string() })).nullish(),
});
const anything = z.unknown();

/** What snapshots are read through lies in it. */
const readTarget = { name: ourName("read"), stripeCount: 1, stripeBytes: 256 * 1024 };

/** By CloudTower. What is made is looked for first, and after an answer that was lost. */
export class TowerHands implements Hands {
  readonly #of: TowerHandsOptions;

  constructor(of: TowerHandsOptions) {
    this.#of = of;
  }

  async makeLun(wish: LunWish, call: StorageCall = {}): Promise<LunRef> {
    const { tower, initiatorName, replicas } = this.#of;
    const target = await ensureTarget(this.#of, wish.target, call);
    const { name, lunId, sizeBytes } = wish;
    const lun = await tower.ensure(
      {
        what: `the LUN “${name}”`,
        find: (look) => this.#find("get-iscsi-luns", { name, iscsi_target: { id: target.id } }, lunSchema, look),
        create: (make) =>
          tower.change(
            "create-iscsi-lun",
            [
              {
                ...{ name, iscsi_target_id: target.id, replica_num: replicas, thin_provision: true },
                ...{
                  assigned_size: sizeBytes,
                  assigned_size_unit: "B",
                  allowed_initiators: wish.allowedInitiators ?? initiatorName,
                },
                ...(lunId !== undefined && { lun_id: lunId }),
              },
            ],
            anything,
            make,
          ),
      },
      call,
    );
    return refOf(lun, target);
  }

  async growLun(lun: string, sizeBytes: number, call?: StorageCall): Promise<void> {
    const data = { assigned_size: sizeBytes, assigned_size_unit: "B" };
    await this.#of.tower.change("update-iscsi-lun", { where: { id: lun }, data }, anything, call);
  }

  async rollBackLun(lun: string, snapshot: string, call?: StorageCall): Promise<void> {
    await this.#of.tower.change(
      "rollback-iscsi-lun-from-snapshot",
      [{ lun_id: lun, snapshot_id: snapshot }],
      anything,
      call,
    );
  }

  async cloneSnapshot(
    { snapshot, name }: { readonly snapshot: string; readonly name: string },
    call: StorageCall = {},
  ): Promise<LunRef> {
    const { tower } = this.#of;
    const target = await ensureTarget(this.#of, readTarget, call);
    const lun = await tower.ensure(
      {
        what: `the LUN “${name}”`,
        find: (look) => this.#find("get-iscsi-luns", { name, iscsi_target: { id: target.id } }, lunSchema, look),
        create: (make) =>
          tower.change(
            "clone-iscsi-lun-from-snapshot",
            [{ snapshot_id: snapshot, name, iscsi_target_id: target.id }],
            anything,
            make,
          ),
      },
      call,
    );
    return refOf(lun, target);
  }

  /**
   * By a consistency group that lives for the snapshot only: a LUN can be in one at most, and it is
   * the customers' to choose. @throws OBJECT_BUSY where it is in another one
   */
  async snapshotTogether(
    { name, luns }: { readonly name: string; readonly luns: readonly string[] },
    call: StorageCall = {},
  ): Promise<ReadonlyMap<string, TakenSnapshot>> {
    const { tower, clusterId } = this.#of;
    const group = await tower.ensure(
      {
        what: `the consistency group “${name}”`,
        find: (look) => this.#find("get-consistency-groups", { name, cluster: { id: clusterId } }, groupSchema, look),
        create: (make) =>
          tower.change(
            "create-consistency-group",
            [{ name, cluster_id: clusterId, iscsi_luns_ids: luns, namespaces_ids: [] }],
            anything,
            make,
          ),
      },
      call,
    );
    try {
      const taken = await tower.ensure(
        {
          what: `the snapshots of “${name}”`,
          find: (look) =>
            this.#find(
              "get-consistency-group-snapshots",
              { name, consistency_group: { id: group.id } },
              groupSnapshotSchema,
              look,
            ),
          create: (make) =>
            tower.change(
              "create-consistency-snapshot-group",
              [{ name, consistency_group_id: group.id }],
              anything,
              make,
            ),
        },
        call,
      );
      return await this.#snapshotsIn(taken.id, luns, call);
    } finally {
      await this.#dissolve(group.id, call);
    }
  }

  makeVolume(wish: Parameters<Hands["makeVolume"]>[0], call: StorageCall = {}): Promise<VolumeRef> {
    return makeVolume(this.#of, wish, call);
  }

  makeVm(wish: VmWish, call: StorageCall = {}): Promise<VmRef> {
    return makeVm(this.#of, wish, call);
  }

  setPower(vm: string, power: "on" | "off", call: StorageCall = {}): Promise<void> {
    return setPower(this.#of, vm, power, call);
  }

  async rename({ kind, id, name }: Parameters<Hands["rename"]>[0], call?: StorageCall): Promise<void> {
    const operation = { lun: "update-iscsi-lun", "vm-volume": "update-vm-volume", vm: "update-vm" }[kind];
    await this.#gone(operation, { where: { id }, data: { name } }, call);
  }

  async removeRebuilt({ kind, id }: Parameters<Hands["removeRebuilt"]>[0], call?: StorageCall): Promise<void> {
    if (kind === "lun") await this.#gone("delete-iscsi-lun", { where: { id }, data: { remove_snapshot: false } }, call);
    if (kind === "vm-volume") await this.#gone("delete-vm-volume", { where: { id } }, call);
    if (kind === "vm") await this.#gone("delete-vm", { where: { id } }, call);
  }

  async removeLun(lun: string, call?: StorageCall): Promise<void> {
    const found = await this.#find("get-iscsi-luns", { id: lun }, lunSchema, call ?? {});
    if (found === undefined) return;
    refuseOthers(found.name);
    await this.#gone("delete-iscsi-lun", { where: { id: lun }, data: { remove_snapshot: false } }, call);
  }

  async removeSnapshot(snapshot: string, call?: StorageCall): Promise<void> {
    const found = await this.#find("get-iscsi-lun-snapshots", { id: snapshot }, lunSnapshotSchema, call ?? {});
    if (found === undefined) return;
    refuseOthers(found.name);
    await this.#gone("delete-iscsi-lun-snapshot", { where: { id: snapshot } }, call);
  }

  async #snapshotsIn(
    groupSnapshot: string,
    luns: readonly string[],
    call: StorageCall,
  ): Promise<ReadonlyMap<string, TakenSnapshot>> {
    const found = await this.#of.tower.all(
      "get-iscsi-lun-snapshots",
      { where: { consistency_group_snapshot: { id: groupSnapshot } } },
      lunSnapshotSchema,
      call,
    );
    const taken = new Map(
      found.flatMap(({ id, local_id, iscsi_lun }) =>
        iscsi_lun ? [[iscsi_lun.id, { snapshot: id, zbsVolumeId: local_id }] as const] : [],
      ),
    );
    const missing = luns.filter((lun) => !taken.has(lun));
    if (missing.length === 0) return taken;
    throw new VisibleError("CLUSTER_TASK_FAILED", `The cluster snapshotted ${taken.size} of ${luns.length} LUNs.`, {
      hint: "It will be tried again. If it goes on, see CloudTower's task list.",
    });
  }

  /** What was snapshotted stays, as snapshots of the LUNs. */
  async #dissolve(group: string, call: StorageCall | undefined): Promise<void> {
    const { tower } = this.#of;
    const taken = await tower.all(
      "get-consistency-group-snapshots",
      { where: { consistency_group: { id: group } } },
      groupSnapshotSchema,
      call,
    );
    for (const { id } of taken) {
      await this.#gone(
        "delete-consistency-snapshot-group",
        { where: { id }, data: { remain_volume_snapshot: true } },
        call,
      );
    }
    await this.#gone(
      "delete-consistency-group",
      { where: { id: group }, data: { remain_volume_snapshot: true } },
      call,
    );
  }

  async #gone(operation: string, body: object, call: StorageCall | undefined): Promise<void> {
    try {
      await this.#of.tower.change(operation, body, anything, call);
    } catch (error) {
      if (!VisibleError.is(error, "NOT_FOUND")) throw error;
    }
  }

  #find<T extends { readonly id: string }>(
    operation: string,
    where: object,
    schema: z.ZodType<T>,
    call: StorageCall,
  ): Promise<T | undefined> {
    return findOne(this.#of.tower, { operation, where, schema }, call);
  }
}

const refOf = (lun: Lun, target: Target): LunRef => ({
  lun: lun.id,
  zbsVolumeId: lun.zbs_volume_id,
  target: target.name,
  iqn: target.iqn_name,
  lunId: lun.lun_id,
  sizeBytes: lun.assigned_size,
});

/** Nothing is deleted that we did not make (I5). */
const refuseOthers = (name: string): void => {
  if (isOurs(name)) return;
  throw new VisibleError("NOT_OURS", `“${name}” on the cluster was not made by this product: it stays.`, {
    hint: "See in CloudTower who has renamed it.",
  });
};
