import { FakeTarget } from "../entities/iscsi.ts";
import { bytesOf, chosen, type FakeModel, need } from "../model.ts";
import { change, changeEach, type FakeOperations, queriesOf } from "../operation.ts";
import type { FakeWhere } from "../query.ts";
import { FakeRefusal } from "../refusal.ts";
import { type FakeChange, FakeTaskFailure } from "../tasks.ts";

interface TargetParams {
  readonly description?: string;
  readonly iqn_whitelist?: string;
  readonly ip_whitelist?: string;
  readonly chap_enabled?: boolean;
  readonly chap_name?: string;
  readonly chap_secret?: string;
  readonly replica_num?: number;
  readonly thin_provision?: boolean;
}

interface TargetCreation extends TargetParams {
  readonly name: string;
  readonly cluster_id: string;
  readonly stripe_num: number;
  readonly stripe_size: number;
  readonly stripe_size_unit?: string;
}

const fields = [
  "description",
  "iqn_whitelist",
  "ip_whitelist",
  "chap_enabled",
  "chap_name",
  "chap_secret",
  "replica_num",
  "thin_provision",
] as const;

const assignParams = (target: FakeTarget, params: TargetParams): void => {
  const given = fields.flatMap((name) => (params[name] === undefined ? [] : [[name, params[name]] as const]));
  Object.assign(target, Object.fromEntries(given));
};

/** Brings what serves a target's LUNs to what is said of it. */
const serveTarget = async (target: FakeTarget): Promise<void> => {
  if (target.internal) return;
  const { iqn_name, iqn_whitelist, chap_enabled, chap_name, chap_secret } = target;
  await target.cluster.storage.luns.putTarget({
    iqn: iqn_name,
    iqnWhitelist: iqn_whitelist,
    chap: chap_enabled ? { user: chap_name ?? "", secret: chap_secret ?? "" } : undefined,
  });
};

export const targetCreation = (
  model: FakeModel,
  params: TargetCreation,
): FakeChange & { readonly data: FakeTarget } => {
  const cluster = need(model.clusters, params.cluster_id);
  if (![1, 2, 4, 8, 16, 32, 64, 128].includes(params.stripe_num)) {
    if (!cluster.storage.takesAnyStripes) throw new FakeRefusal(400, `${params.stripe_num} is no number of stripes`);
  }
  const target = new FakeTarget(params.name, cluster);
  assignParams(target, params);
  target.stripe_num = params.stripe_num;
  target.stripe_size = bytesOf(params.stripe_size, params.stripe_size_unit);
  target.entityAsyncStatus = "CREATING";
  model.targets.add(target);
  return {
    ...{ data: target, cluster, type: "IscsiTarget", mutation: "create" },
    description: `Create iSCSI target ${params.name}`,
    run: async () => {
      await serveTarget(target);
      target.entityAsyncStatus = null;
    },
    undo: () => model.targets.delete(target),
  };
};

const updated = (target: FakeTarget, params: TargetParams): FakeChange => ({
  ...{ data: target, cluster: target.cluster, type: "IscsiTarget", mutation: "update" },
  description: `Update iSCSI target ${target.name}`,
  run: async () => {
    assignParams(target, params);
    await serveTarget(target);
  },
});

const deleted = (model: FakeModel, target: FakeTarget): FakeChange => ({
  ...{ data: target, cluster: target.cluster, type: "IscsiTarget", mutation: "delete" },
  description: `Delete iSCSI target ${target.name}`,
  run: async () => {
    if (target.luns.length > 0) throw new FakeTaskFailure("ISCSI_TARGET_NOT_EMPTY", `${target.name} has LUNs`);
    await target.cluster.storage.luns.removeTarget(target.iqn_name);
    model.targets.delete(target);
  },
});

export const targetOperations: FakeOperations = {
  ...queriesOf("iscsi-targets", (model) => model.targets.all()),
  "/create-iscsi-target": changeEach(targetCreation),
  "/update-iscsi-target": change<{ where: FakeWhere; data: TargetParams }>((model, { where, data }) =>
    chosen(model.targets, where).map((target) => updated(target, data)),
  ),
  "/delete-iscsi-target": change<{ where: FakeWhere }>((model, { where }) =>
    chosen(model.targets, where).map((target) => deleted(model, target)),
  ),
};
