import { join } from "node:path";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { Case, Workload } from "../cases/cases.ts";
import type { Images } from "../cases/images.ts";
import { settle } from "../cases/tools.ts";
import type { Measurement } from "../measure/measurement.ts";
import { loopbackBytes } from "../measure/processes.ts";
import { touchMemory } from "../measure/touch-memory.ts";
import { backUp } from "./backup.ts";
import { geometryOf } from "./geometry.ts";
import { importOver } from "./imports.ts";
import { type GatewayPair, Sites } from "./sites.ts";
import { groupOf, owner } from "./tasks.ts";
import type { WarmUp } from "./warm-up.ts";

interface State {
  readonly sites: Sites;
  readonly object: ObjectConfig;
}
interface BackedUp extends State {
  readonly snapshotId: string;
}

const baseSequence = 1;
/** Above the warm-up's: a run must be newer than all that a site has seen. */
const measuredSequence = 201;

/**
 * Measures this product: two gateways as processes over loopback, driven as the control plane would
 * drive them.
 */
export class Ours {
  readonly #dir: string;
  readonly #images: Images;
  readonly #warmUp: WarmUp | undefined;
  readonly #imported = new Map<Workload["volume"], Promise<State>>();
  readonly #backedUp = new Map<Workload["volume"], Promise<BackedUp>>();

  /**
   * @param options `warmUp` undefined: gateways are measured as they are right after their start
   */
  constructor(options: { readonly dir: string; readonly images: Images; readonly warmUp: WarmUp | undefined }) {
    this.#dir = options.dir;
    this.#images = options.images;
    this.#warmUp = options.warmUp;
  }

  /** @throws Error when the restore point that came out of it is not the image */
  async measure(run: Case): Promise<Measurement> {
    const { workload, baseGone } = run;
    const prepared = workload.old === null ? await this.#import(workload.volume) : await this.#backUp(workload.volume);
    const sites = await prepared.sites.copyTo(join(this.#dir, "case"));
    try {
      if (workload.variant !== "base" || baseGone) await this.#change(sites, run, prepared.object);
      await settle([sites.dir]);
      return await sites.withGateways(async (gateways) => {
        if (this.#warmUp !== undefined) {
          await this.#warmUp(gateways, run);
          await settle([]);
        }
        return this.#timed(gateways, run, prepared);
      }, run);
    } finally {
      await sites.remove();
    }
  }

  async #change(sites: Sites, { workload, baseGone }: Case, object: ObjectConfig): Promise<void> {
    const file = await this.#images.of(workload);
    await sites.withSource(async (source) => {
      if (workload.variant !== "base") await importOver(source, object, file);
      if (baseGone) await source.call("deleteGroup", { groupId: groupOf(baseSequence), owner });
    });
  }

  async #timed(gateways: GatewayPair, run: Case, prepared: State | BackedUp): Promise<Measurement> {
    const { source, target } = gateways;
    const { workload, compress, baseGone } = run;
    const snapshotId = "snapshotId" in prepared && !baseGone ? prepared.snapshotId : null;
    const base = workload.old === null ? null : { sequence: baseSequence, snapshotId };
    const usages = () => Promise.all([source.call("usage", null), target.call("usage", null)]);

    await touchMemory(this.#dir, this.#images.bytesToWrite(workload));
    const before = await usages();
    const bytesBefore = loopbackBytes();
    const begun = performance.now();
    await backUp({ ...gateways, object: prepared.object, sequence: measuredSequence, base, compress });
    const wallSeconds = (performance.now() - begun) / 1000;
    const wireBytes = loopbackBytes() - bytesBefore;
    const after = await usages();

    await this.#verify(gateways, run, measuredSequence);
    const cpuSeconds = after.reduce((sum, usage, at) => sum + usage.cpuSeconds - (before[at]?.cpuSeconds ?? 0), 0);
    return { wallSeconds, cpuSeconds, peakBytes: after.map(({ peakBytes }) => peakBytes), wireBytes };
  }

  async #verify({ target }: GatewayPair, { name, workload }: Case, sequence: number): Promise<void> {
    const is = await target.call("sha256", { groupId: groupOf(sequence) });
    const wanted = await this.#images.hashOf(await this.#images.of(workload));
    if (is !== wanted) throw new Error(`“${name}”: the restore point has SHA-256 ${is}, and the image ${wanted}`);
  }

  #import(volume: Workload["volume"]): Promise<State> {
    return once(this.#imported, volume, async () => {
      const sites = await Sites.create(join(this.#dir, `imported-${volume}`), join(this.#dir, "pki"));
      const { extentBytes } = this.#images.specOf(volume);
      const object = await sites.importVolume(this.#images.base(volume), geometryOf(volume, extentBytes));
      return { sites, object };
    });
  }

  #backUp(volume: Workload["volume"]): Promise<BackedUp> {
    return once(this.#backedUp, volume, async () => {
      const { sites: imported, object } = await this.#import(volume);
      const sites = await imported.copyTo(join(this.#dir, `backed-up-${volume}`));
      const { snapshotId } = await sites.withGateways((gateways) =>
        backUp({ ...gateways, object, sequence: baseSequence, base: null, compress: true }),
      );
      return { sites, object, snapshotId };
    });
  }
}

const once = <K, V>(made: Map<K, Promise<V>>, key: K, make: () => Promise<V>): Promise<V> => {
  const value = made.get(key) ?? make();
  made.set(key, value);
  return value;
};
