import type { FakeCluster } from "../rest/entities/entity.ts";
import { FakeLunSnapshot } from "../rest/entities/iscsi.ts";
import { FakeNfsInode } from "../rest/entities/nfs.ts";
import type { FakeModel } from "../rest/model.ts";
import { deleteSnapshot } from "../rest/operations/lun-snapshots.ts";
import { newLun } from "../rest/operations/luns.ts";
import type { ZbsVolume } from "../zbs/zbs.ts";
import type { ShellAnswer } from "./sshd.ts";
import { wordsOf } from "./words.ts";

/** A command that fails, with what it says. */
class CommandFailure extends Error {}

/** The commands of a node that a backup may need, as far as they are known by reading. */
export class ClusterCommands {
  /** What was run, the newest last. */
  readonly ran: string[] = [];
  readonly #model: FakeModel;
  readonly #cluster: FakeCluster;

  constructor(model: FakeModel, cluster: FakeCluster) {
    this.#model = model;
    this.#cluster = cluster;
  }

  async run(line: string): Promise<ShellAnswer> {
    this.ran.push(line);
    const words = wordsOf(line).filter((word, i, all) => word !== "-f" && all[i - 1] !== "-f");
    const command = words.slice(0, 3).join(" ");
    try {
      const printed = await this.#do(command, words.slice(3));
      return { status: 0, printed: `${JSON.stringify(printed)}\n` };
    } catch (error) {
      if (!(error instanceof CommandFailure)) return { status: 70, complaint: String(error) };
      return { status: 1, complaint: `${error.message}\n` };
    }
  }

  async #do(command: string, words: readonly string[]): Promise<unknown> {
    const [first = "", second = "", third = ""] = words;
    switch (command) {
      case "zbs-meta volume show_by_id":
        return this.#shown(first, words.includes("--show_lextents"));
      case "zbs-meta snapshot batch_create":
        return this.#snapshotTogether(words);
      case "zbs-meta snapshot list_by_id":
        return this.#snapshotsOf(this.#volume(first));
      case "zbs-meta snapshot delete_by_id":
        return this.#deleteSnapshot(first);
      case "zbs-iscsi lun clone":
        return this.#cloneToLun(first, Number(second), optionsOf(words.slice(2)));
      case "zbs-nfs inode show":
        return shownInode(this.#inode(first));
      case "zbs-nfs inode delete":
        return this.#deleteInode(this.#inode(first));
      case "zbs-nfs file convert_from_lun":
        return first === "--help" ? this.#explainFiles() : this.#fileFromLun(first, second, third);
      case "zbs-nfs snapshot rollback_by_id":
        this.#cluster.storage.zbs.rollback(fileOf(this.#inode(first)), this.#volume(second));
        return {};
      default:
        throw new CommandFailure(`${command}: no such command, or it is not allowed`);
    }
  }

  #shown(id: string, isWithExtents: boolean): unknown {
    const { zbs, behaviour } = this.#cluster.storage;
    const volume = this.#volume(id);
    if (volume.isSnapshot && !behaviour.tablesOfSnapshots)
      throw new CommandFailure(`ENotFound: volume ${id} not found`);
    const { stripeCount: stripe_num, stripeBytes: stripe_size } = volume.striping;
    const shown = { id, size: volume.sizeBytes, is_snapshot: volume.isSnapshot, stripe_num, stripe_size };
    if (!isWithExtents) return shown;
    const lextents = zbs.table(volume).map(({ id: lid, epoch: lepoch, origin: origin_lid, everExist: ever_exist }) => ({
      ...{ lid, lepoch, origin_lid, ever_exist },
    }));
    return { volume: shown, lextents };
  }

  /** CloudTower learns of those of LUNs. @param words a volume's id and a name, again and again */
  #snapshotTogether(words: readonly string[]): unknown {
    const wanted = words.flatMap((id, i) =>
      i % 2 === 0 ? [{ volume: this.#volume(id), name: words[i + 1] ?? "" }] : [],
    );
    const taken = this.#cluster.storage.zbs.snapshot(wanted.map(({ volume }) => volume));
    return wanted.map(({ volume, name }, i) => {
      const snapshot = taken[i];
      if (snapshot === undefined) throw new CommandFailure("EInternal: no snapshot was taken");
      const lun = this.#model.luns.all().find((one) => one.volume === volume);
      const isListed = lun !== undefined && this.#cluster.storage.behaviour.listsCommandLine;
      if (isListed) this.#model.lunSnapshots.add(new FakeLunSnapshot(name, lun)).fill(snapshot);
      snapshot.name = name;
      return { name, id: snapshot.id, volume_id: volume.id };
    });
  }

  #snapshotsOf(volume: ZbsVolume): unknown {
    const snapshots = this.#cluster.storage.zbs.all().filter(({ snapshotOf }) => snapshotOf === volume.id);
    const nameOf = (snapshot: ZbsVolume) =>
      this.#model.lunSnapshots.all().find((one) => one.volume === snapshot)?.name ?? snapshot.name;
    return snapshots.map((snapshot) => ({ name: nameOf(snapshot), id: snapshot.id, volume_id: volume.id }));
  }

  #deleteSnapshot(id: string): unknown {
    const known = this.#model.lunSnapshots.all().find(({ local_id: localId }) => localId === id);
    if (known === undefined) this.#cluster.storage.zbs.delete(this.#volume(id));
    else deleteSnapshot(this.#model, known);
    return {};
  }

  async #cloneToLun(targetName: string, lunId: number, options: ReadonlyMap<string, string>): Promise<unknown> {
    const target = this.#model.targets.all().find((one) => one.name === targetName && one.cluster === this.#cluster);
    if (target === undefined) throw new CommandFailure(`ENotFound: target ${targetName} not found`);
    if (target.luns.some(({ lun_id: taken }) => taken === lunId)) throw new CommandFailure(`EDuplicate: LUN ${lunId}`);
    const snapshot = this.#volume(options.get("--src_snapshot_id") ?? "");
    const volume = () => this.#cluster.storage.zbs.clone(snapshot);
    const change = newLun(this.#model, { name: options.get("--name") ?? "", target, lunId, volume });
    await change.run();
    return { volume_id: change.data.volume.id, lun_id: lunId, name: change.data.name };
  }

  #explainFiles(): unknown {
    if (this.#cluster.storage.behaviour.makesFiles) return {};
    throw new CommandFailure("convert_from_lun: no such command");
  }

  /** The LUN is one no more: its volume is the file's. */
  async #fileFromLun(parentId: string, name: string, lunVolumeId: string): Promise<unknown> {
    const { luns, nfsExports, nfsInodes } = this.#model;
    const lun = luns.all().find(({ volume }) => volume.id === lunVolumeId);
    const parent = nfsInodes.all().find(({ local_id: id }) => id === parentId);
    const nfsExport = parent?.nfs_export ?? nfsExports.all().find(({ export_inode_id: id }) => id === parentId);
    this.#explainFiles();
    if (lun === undefined || nfsExport === undefined)
      throw new CommandFailure("ENotFound: the LUN or directory not found");
    const there = nfsExport.inodes.find((inode) => inode.name === name && inode.parent_id === parentId);
    if (there !== undefined) throw new CommandFailure(`EDuplicate: ${name} is there`);
    const { iscsi_target: target, lun_id: lunId, volume } = lun;
    await this.#cluster.storage.luns.removeLun(target.iqn_name, lunId);
    target.luns.splice(target.luns.indexOf(lun), 1);
    luns.delete(lun);
    const file = new FakeNfsInode({ name, nfsExport, parentId, volume, sizeBytes: volume.sizeBytes });
    nfsExport.inodes.push(nfsInodes.add(file));
    return { id: file.local_id, name };
  }

  #deleteInode(inode: FakeNfsInode): unknown {
    const { nfs_export: nfsExport } = inode;
    if (nfsExport.inodes.some(({ parent_id: parent }) => parent === inode.local_id))
      throw new CommandFailure(`ENotEmpty: ${inode.name} is not empty`);
    nfsExport.inodes.splice(nfsExport.inodes.indexOf(inode), 1);
    this.#model.nfsInodes.delete(inode);
    if (inode.volume !== undefined) this.#cluster.storage.zbs.delete(inode.volume);
    return {};
  }

  #inode(id: string): FakeNfsInode {
    const found = this.#model.nfsInodes.all().find((one) => one.local_id === id && one.cluster === this.#cluster);
    if (found === undefined) throw new CommandFailure(`ENotFound: inode ${id} not found`);
    return found;
  }

  #volume(id: string): ZbsVolume {
    const found = this.#cluster.storage.zbs.find(id);
    if (found === undefined) throw new CommandFailure(`ENotFound: volume ${id} not found`);
    return found;
  }
}

const fileOf = ({ name, volume }: FakeNfsInode): ZbsVolume => {
  if (volume === undefined) throw new CommandFailure(`EInvalid: ${name} is a directory`);
  return volume;
};

const shownInode = ({ local_id: id, name, nfs_export: { local_id: pool }, volume }: FakeNfsInode): unknown => ({
  ...{ id, name, pool, preallocate: false, volume: volume?.id ?? "" },
  ...{ type: volume === undefined ? "DIR" : "FILE", mode: 384, uid: 0, gid: 0, size: volume?.sizeBytes ?? 0 },
});

/** `--name value` again and again. */
const optionsOf = (words: readonly string[]): ReadonlyMap<string, string> =>
  new Map(words.flatMap((word, i) => (word.startsWith("--") ? [[word, words[i + 1] ?? ""] as const] : [])));
