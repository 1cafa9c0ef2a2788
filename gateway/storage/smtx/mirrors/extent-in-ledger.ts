import type { StorageCall } from "../../call.ts";
import { geometryOf, type VolumeRow } from "../../extentstore/cluster/volume-row.ts";
import type { ExtentRecord } from "../blocks/extent-writer.ts";
import type { ClusterContext } from "../context.ts";
import {
  type Claim,
  claimExtent,
  type ExtentOfSession,
  endClaim,
  type lookAtExtent,
  markDone,
  markOfBase,
} from "./claims.ts";

/** Somebody waits for that who has given up; if it stays open, the next one opens a new session. */
const endMsMax = 3_000;

/** Of an extent of a mirror: in the ledger, and in the hashes that are kept. */
export class ExtentInLedger implements ExtentRecord {
  readonly #context: Pick<ClusterContext, "ledger" | "kept">;
  readonly #of: ExtentOfSession;
  readonly #mirror: VolumeRow;
  readonly #lastMark: number | undefined;
  #claim: Claim | undefined;

  constructor(
    context: Pick<ClusterContext, "ledger" | "kept">,
    of: ExtentOfSession,
    { mirror, lastMark }: ReturnType<typeof lookAtExtent>,
  ) {
    this.#context = context;
    this.#of = of;
    this.#mirror = mirror;
    this.#lastMark = lastMark;
  }

  async claim(call?: StorageCall): Promise<void> {
    this.#claim = await this.#context.ledger.change(
      (database) => claimExtent(database, this.#of, this.#lastMark),
      call,
    );
  }

  async hashesOfBase(call?: StorageCall): Promise<Buffer | undefined> {
    const { ledger, kept } = this.#context;
    if (kept === undefined) return undefined;
    const { markOfBase: mark } = this.#claim ?? {
      markOfBase: await ledger.read((database) => markOfBase(database, this.#of), call),
    };
    return mark === undefined ? undefined : kept.find(this.#place, this.#labelOf(mark));
  }

  async markDone(call?: StorageCall): Promise<void> {
    const { mark } = this.#claimed;
    await this.#context.ledger.change((database) => markDone(database, this.#of, mark), call);
  }

  async endClaim(): Promise<void> {
    const mark = this.#claim?.mark;
    if (mark === undefined) return;
    const call = { signal: AbortSignal.timeout(endMsMax) };
    await this.#context.ledger.change((database) => endClaim(database, this.#of, mark), call);
  }

  async keepHashes(hashes: Uint8Array): Promise<void> {
    await this.#context.kept?.keep(this.#place, this.#labelOf(this.#claimed.mark), hashes);
  }

  get #claimed(): Claim {
    if (this.#claim === undefined) throw new TypeError("the extent is not claimed");
    return this.#claim;
  }

  get #place() {
    const { mirrorVolumeId, extent } = this.#of;
    return { mirror: `written here ${mirrorVolumeId}`, geometry: geometryOf(this.#mirror), extent };
  }

  #labelOf(mark: number): string {
    return `${mark} of ${this.#mirror.sizeBytes}`;
  }
}
