import type { ObjectConfig } from "../../core/api/object.ts";
import { settle } from "../cases/tools.ts";
import { backUp } from "../ours/backup.ts";
import type { GatewayPair } from "../ours/sites.ts";
import { groupOf, owner } from "../ours/tasks.ts";
import type { ClusterPair } from "./cluster-pair.ts";

/** What one backup took. */
export interface ClusterBackup {
  /** Without the copying. */
  readonly clusterSeconds: number;
  /** So long the stand-ins copied what a cluster would share. */
  readonly copyingSeconds: number;
  /** Of the new snapshot, as the gateway counts. */
  readonly bytesRead: number;
  /** By the source's nodes: of the new snapshot, and what is needed of the one before. */
  readonly bytesSent: number;
  /**
   * By the target's nodes, to their disks and to initiators: what was written, what was read back
   * of that, and what of the mirror's base it was made from.
   */
  readonly bytesAtTarget: number;
}

/** Backups of a cluster's LUN, each on top of the one before. */
export class ClusterBackups {
  readonly #pair: ClusterPair;
  readonly #gateways: GatewayPair;
  readonly #hashOf: (image: string) => Promise<string>;
  #object: ObjectConfig | undefined;
  #before: { readonly sequence: number; readonly snapshotId: string } | null = null;

  constructor(of: {
    readonly pair: ClusterPair;
    readonly gateways: GatewayPair;
    readonly hashOf: (image: string) => Promise<string>;
  }) {
    this.#pair = of.pair;
    this.#gateways = of.gateways;
    this.#hashOf = of.hashOf;
  }

  /** Backs up an image. @throws Error when the restore point is another */
  async next(image: string): Promise<ClusterBackup> {
    const base = this.#before;
    const sequence = (base?.sequence ?? 0) + 1;
    this.#pair.write(image);
    this.#object ??= await this.#pair.object(this.#gateways);
    await settle([]);
    const { copyingMs, bytesSent, bytesAtTarget } = this.#pair;
    const begunMs = performance.now();
    const options = { object: this.#object, sequence, base, compress: true };
    const { snapshotId, bytesRead } = await backUp({ ...this.#gateways, ...options });
    const copiedMs = this.#pair.copyingMs - copyingMs;
    const backup = {
      clusterSeconds: (performance.now() - begunMs - copiedMs) / 1000,
      copyingSeconds: copiedMs / 1000,
      bytesRead,
      bytesSent: this.#pair.bytesSent - bytesSent,
      bytesAtTarget: this.#pair.bytesAtTarget - bytesAtTarget,
    };
    this.#before = { sequence, snapshotId };
    await this.#verify(image, sequence);
    await this.#forget(base?.sequence);
    return backup;
  }

  async #verify(image: string, sequence: number): Promise<void> {
    const is = await this.#gateways.target.call("sha256", { groupId: groupOf(sequence) });
    const wanted = await this.#hashOf(image);
    if (is !== wanted) throw new Error(`the cluster's restore point has SHA-256 ${is}, and the image ${wanted}`);
  }

  /** The stand-ins have room for two. */
  async #forget(sequence: number | undefined): Promise<void> {
    if (sequence === undefined) return;
    for (const gateway of [this.#gateways.source, this.#gateways.target]) {
      await gateway.call("deleteGroup", { groupId: groupOf(sequence), owner });
    }
  }
}
