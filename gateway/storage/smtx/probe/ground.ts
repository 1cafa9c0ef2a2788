import { randomBytes } from "node:crypto";
import { VisibleError } from "../../../../core/api/errors.ts";
import type { Initiator } from "../../../iscsi/initiator.ts";
import type { Lun } from "../../../iscsi/lun/lun.ts";
import type { IscsiPortal } from "../../../iscsi/portal.ts";
import type { Time } from "../../../time/time.ts";
import type { StorageCall } from "../../call.ts";
import type { CloudTower } from "../cloud-tower/client.ts";
import { ensureLunSnapshot, type TowerLunSnapshot } from "../cloud-tower/nouns/lun-snapshots.ts";
import { ensureLun, ensureLunClone, findLun, type TowerLun } from "../cloud-tower/nouns/luns.ts";
import { ensureTarget, type TowerTarget } from "../cloud-tower/nouns/targets.ts";
import { probePrefix } from "../names.ts";
import { type ChapSecret, initiatorName, replicas } from "../reach.ts";
import type { ExtentEntry } from "../ssh/extent-rows.ts";
import { extentTable } from "../ssh/extent-table.ts";
import type { SshRunner } from "../ssh/runner.ts";

/** Several, so that a write into one of them may be seen not to show in the others. */
export const stripeCount = 4;
export const stripeBytes = 256 * 1024;

export interface GroundParts {
  readonly tower: CloudTower;
  readonly clusterId: string;
  readonly chap: ChapSecret | undefined;
  readonly initiator: Initiator;
  readonly portals: readonly IscsiPortal[];
  readonly ssh: SshRunner | undefined;
  readonly extentBytes: number;
  /** How much is written where something has to be. */
  readonly contentBytes: number;
  /** How long the cluster's figures of used space may take to be of what is. */
  readonly figuresSeconds: number;
  readonly time: Time;
}

/** Where a probe makes its objects: a target of its own, and names that nobody else gives. */
export class ProbeGround {
  readonly parts: GroundParts;
  readonly content: Uint8Array;
  readonly #run: string;
  readonly #target: TowerTarget;

  private constructor(parts: GroundParts, target: TowerTarget, run: string) {
    this.parts = parts;
    this.content = randomBytes(parts.contentBytes);
    this.#target = target;
    this.#run = run;
  }

  static async make(parts: GroundParts, call: StorageCall): Promise<ProbeGround> {
    const { tower, clusterId, chap } = parts;
    const run = randomBytes(4).toString("hex");
    const wanted = { clusterId, name: `${probePrefix}${run}`, replicas, thin: true, stripeCount, stripeBytes };
    const guarded = { iqnWhitelist: initiatorName, ipWhitelist: "*/*", ...(chap !== undefined && { chap }) };
    return new ProbeGround(parts, await ensureTarget(tower, { ...wanted, ...guarded }, call), run);
  }

  /** One extent for each stripe. */
  get sizeBytes(): number {
    return this.parts.extentBytes * stripeCount;
  }

  nameOf(what: string): string {
    return `${probePrefix}${this.#run}.${what}`;
  }

  lun(what: string, call: StorageCall): Promise<TowerLun> {
    const { sizeBytes } = this;
    const wanted = { targetId: this.#target.id, name: this.nameOf(what), sizeBytes, replicas };
    return ensureLun(this.parts.tower, { ...wanted, allowedInitiators: initiatorName }, call);
  }

  snapshot({ id: lunId, target }: TowerLun, what: string, call: StorageCall): Promise<TowerLunSnapshot> {
    return ensureLunSnapshot(this.parts.tower, { lunId, targetId: target.id, name: this.nameOf(what) }, call);
  }

  clone(snapshot: { readonly id: string }, what: string, call: StorageCall): Promise<TowerLun> {
    const wanted = { snapshotId: snapshot.id, targetId: this.#target.id, name: this.nameOf(what) };
    return ensureLunClone(this.parts.tower, wanted, call);
  }

  async look({ id, name }: TowerLun, call: StorageCall): Promise<TowerLun> {
    const now = await findLun(this.parts.tower, id, call);
    if (now !== undefined) return now;
    throw new VisibleError("CLUSTER_TASK_FAILED", `“${name}” is not on the cluster any more.`);
  }

  async table(zbsVolumeId: string, call: StorageCall): Promise<readonly ExtentEntry[]> {
    const { ssh } = this.parts;
    if (ssh === undefined) throw new VisibleError("BAD_REQUEST", "storage.ssh is not configured.");
    return extentTable(ssh, zbsVolumeId, call);
  }

  get iqn(): string {
    return this.#target.iqn;
  }

  async write(lun: TowerLun, data: Uint8Array, { at = 0, ...call }: StorageCall & { readonly at?: number }) {
    await this.whileOpen(
      lun,
      async (open) => {
        await open.write(at, data, call);
        await open.flush(call);
      },
      call,
    );
  }

  /** Whether a LUN begins with the probe's content. */
  async hasContent(lun: TowerLun, call: StorageCall): Promise<boolean> {
    const into = new Uint8Array(this.content.length);
    await this.whileOpen(lun, (open) => open.read(0, into, call), call);
    return Buffer.compare(into, this.content) === 0;
  }

  async whileOpen<T>(lun: TowerLun, work: (open: Lun) => Promise<T>, call: StorageCall): Promise<T> {
    const open = await this.parts.initiator.openLun({ targetName: this.iqn, lun: lun.lunId }, call);
    try {
      return await work(open);
    } finally {
      await open.close();
    }
  }
}
