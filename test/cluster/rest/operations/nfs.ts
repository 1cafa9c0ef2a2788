import { FakeNfsExport } from "../entities/nfs.ts";
import { chosen, type FakeModel, need } from "../model.ts";
import { change, changeEach, type FakeOperations, queriesOf } from "../operation.ts";
import type { FakeWhere } from "../query.ts";
import { type FakeChange, FakeTaskFailure } from "../tasks.ts";

interface ExportParams {
  readonly name?: string;
  readonly description?: string;
  readonly ip_whitelist?: string;
  readonly replica_num?: number;
  readonly thin_provision?: boolean;
}

const assignParams = (nfsExport: FakeNfsExport, params: ExportParams): void => {
  nfsExport.name = params.name ?? nfsExport.name;
  nfsExport.description = params.description ?? nfsExport.description;
  nfsExport.ip_whitelist = params.ip_whitelist ?? nfsExport.ip_whitelist;
  nfsExport.replica_num = params.replica_num ?? nfsExport.replica_num;
  nfsExport.thin_provision = params.thin_provision ?? nfsExport.thin_provision;
};

const created = (
  model: FakeModel,
  params: ExportParams & { readonly name: string; readonly cluster_id: string },
): FakeChange => {
  const cluster = need(model.clusters, params.cluster_id);
  const nfsExport = new FakeNfsExport(params.name, cluster);
  assignParams(nfsExport, params);
  nfsExport.entityAsyncStatus = "CREATING";
  model.nfsExports.add(nfsExport);
  return {
    ...{ data: nfsExport, cluster, type: "NfsExport", mutation: "create" },
    description: `Create NFS export ${params.name}`,
    run: () => {
      nfsExport.entityAsyncStatus = null;
    },
    undo: () => model.nfsExports.delete(nfsExport),
  };
};

const updated = (nfsExport: FakeNfsExport, data: ExportParams): FakeChange => ({
  ...{ data: nfsExport, cluster: nfsExport.cluster, type: "NfsExport", mutation: "update" },
  description: `Update NFS export ${nfsExport.name}`,
  run: () => assignParams(nfsExport, data),
});

const deleted = (model: FakeModel, nfsExport: FakeNfsExport): FakeChange => ({
  ...{ data: nfsExport, cluster: nfsExport.cluster, type: "NfsExport", mutation: "delete" },
  description: `Delete NFS export ${nfsExport.name}`,
  run: () => {
    if (nfsExport.inodes.length > 0) throw new FakeTaskFailure("NFS_EXPORT_NOT_EMPTY", `${nfsExport.name} has files`);
    model.nfsExports.delete(nfsExport);
  },
});

export const nfsOperations: FakeOperations = {
  ...queriesOf("nfs-exports", (model) => model.nfsExports.all()),
  ...queriesOf("nfs-inodes", (model) => model.nfsInodes.all()),
  "/create-nfs-export": changeEach(created),
  "/update-nfs-export": change<{ where: FakeWhere; data: ExportParams }>((model, { where, data }) =>
    chosen(model.nfsExports, where).map((nfsExport) => updated(nfsExport, data)),
  ),
  "/delete-nfs-export": change<{ where: FakeWhere }>((model, { where }) =>
    chosen(model.nfsExports, where).map((nfsExport) => deleted(model, nfsExport)),
  ),
};
