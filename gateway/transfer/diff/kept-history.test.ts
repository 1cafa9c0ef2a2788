import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { VisibleError } from "../../../core/api/errors.ts";
import { blockBytes } from "../../../core/extent/geometry.ts";
import { blockHash } from "../../storage/block-hash.ts";
import { noise } from "../../storage/conformance/fixtures.ts";
import type { StorageDriver } from "../../storage/driver.ts";
import { KeptHashes } from "../../storage/kept-hashes.ts";
import type { MirrorExtentWriter, SnapshotHandle } from "../../storage/volume-io.ts";
import { createApply } from "../apply.ts";
import { watchOf } from "../testing/job-watch.ts";
import { isDamage } from "../tries.ts";
import { createScan, type ExtentLabels, type ScanJob } from "./scan.ts";

const blocks = 16;
const extentBytes = blocks * blockBytes;
const geometry = { extentBytes, stripeCount: 1, stripeBytes: extentBytes };

/** Few contents, so that an extent often becomes what it was before. */
const palette = [
  Buffer.alloc(blockBytes),
  noise(blockBytes, 1),
  noise(blockBytes, 2),
  (() => {
    const slightly = Buffer.from(noise(blockBytes, 1));
    slightly.write("changed", 4100);
    return slightly;
  })(),
];

/** A cluster that keeps no hashes: snapshots of one extent, and one mirror of it. */
class PlainCluster {
  readonly contents = new Map<string, Buffer>();
  mirror = Buffer.alloc(extentBytes);
  readonly driver = {
    readSnapshot: async ({ snapshotId }: SnapshotHandle) => ({
      ...{ sizeBytes: extentBytes, geometry },
      read: async (offset: number, into: Uint8Array) => {
        const content = this.contents.get(snapshotId);
        assert(content !== undefined);
        into.set(content.subarray(offset, offset + into.length));
      },
      close: async () => undefined,
      extentMap: async () => undefined,
      extentBlocks: async () => undefined,
      extentDigests: async () => undefined,
    }),
    openMirrorExtent: async ({ from }: { readonly from?: string }) => this.#writer(from === "zeros"),
  } as unknown as StorageDriver;

  #writer(isNew: boolean): MirrorExtentWriter {
    const before = this.mirror;
    const now = isNew ? Buffer.alloc(extentBytes) : Buffer.from(before);
    return {
      writeStored: undefined,
      write: async (offset, data) => void now.set(data, offset),
      zero: async (offset, length) => void now.fill(0, offset, offset + length),
      readBase: async (offset, into) => void into.set(before.subarray(offset, offset + into.length)),
      baseHashes: async () => assert.fail("nobody asks for them"),
      blockHashes: async () => Buffer.concat(Array.from({ length: blocks }, (_, at) => blockHash(blockOf(now, at)))),
      commit: async () => {
        this.mirror = now;
      },
      discard: async () => undefined,
    };
  }
}

const blockOf = (content: Buffer, block: number) => content.subarray(block * blockBytes, (block + 1) * blockBytes);

class FailingHashes extends KeptHashes {
  isFull = false;

  override async keep(...args: Parameters<KeptHashes["keep"]>): Promise<void> {
    if (this.isFull) throw new Error("no room");
    return super.keep(...args);
  }
}

const often = fc.nat(3).map((one) => one > 0);

const step = fc.record({
  /** Blocks that are written before the snapshot; a snapshot of long ago comes again otherwise. */
  writes: fc.oneof(
    { weight: 2, arbitrary: fc.array(fc.tuple(fc.nat(blocks - 1), fc.nat(palette.length - 1)), { maxLength: 4 }) },
    { weight: 1, arbitrary: fc.array(fc.nat(palette.length - 1), { minLength: blocks, maxLength: blocks }) },
    { weight: 4, arbitrary: fc.nat(3) },
  ),
  /** A token that another content had before, unless its base has it. */
  token: fc.option(fc.nat(1)),
  /** Whether the cluster tells tokens. */
  tells: often,
  /** What is sent is given up after so many chunks, and the next snapshot has the same base. */
  stopsAfter: fc.option(fc.nat(1), { freq: 1 }),
  isFull: often,
  otherGateway: fc.boolean(),
});

interface Taken {
  readonly id: string;
  readonly token: string;
  readonly tells: boolean;
}

/** Sends one extent as `sendExtent` does. @returns whether the target has it */
const send = async (
  cluster: PlainCluster,
  { job, kept, stopsAfter }: { job: ScanJob; kept: KeptHashes; stopsAfter: number | null },
): Promise<boolean> => {
  const watch = watchOf();
  const chunks: Uint8Array[] = [];
  const scan = createScan(cluster.driver, kept)(job, watch);
  for (;;) {
    if (chunks.length === stopsAfter) {
      await scan.return(undefined as never);
      return false;
    }
    const next = await scan.next();
    if (next.done === true) {
      if (next.value.identical) return true;
      const at = { mirrorVolumeId: "mirror", epoch: 1, extent: 0, sizeBytes: extentBytes, geometry };
      const body = async function* () {
        yield* chunks;
      };
      const from = job.how === "full" ? "zeros" : "base";
      await createApply(cluster.driver)({ ...at, from }, body(), watch);
      return true;
    }
    chunks.push(next.value);
  }
};

const history = async (steps: readonly (typeof step extends fc.Arbitrary<infer T> ? T : never)[], dir: string) => {
  const gateways = [new FailingHashes(join(dir, "one")), new FailingHashes(join(dir, "other"))] as const;
  const cluster = new PlainCluster();
  const contents: Buffer[] = [Buffer.alloc(extentBytes)];
  let base: Taken | null = null;
  for (const [number, { writes, token, tells, stopsAfter, isFull, otherGateway }] of steps.entries()) {
    const content = Buffer.from(
      (typeof writes === "number" ? contents.at(-1 - (writes % contents.length)) : contents.at(-1)) as Buffer,
    );
    if (typeof writes !== "number") {
      for (const [index, write] of writes.entries()) {
        const [block, of] = typeof write === "number" ? [index, write] : write;
        content.set(palette[of] as Buffer, block * blockBytes);
      }
    }
    contents.push(content);
    const id = `s${number}`;
    cluster.contents.set(id, content);
    const own = `${token ?? id}`;
    const now: Taken = { id, tells, token: own === base?.token ? id : own };
    const labels: ExtentLabels = {
      mirror: "b mirror",
      now: tells ? `token ${now.token}` : `snapshot ${id}`,
      base: base && {
        label: base.tells ? `token ${base.token}` : `snapshot ${base.id}`,
        isOnce: !base.tells,
      },
    };
    const kept = gateways[otherGateway ? 1 : 0];
    kept.isFull = isFull;
    const handle = (snapshotId: string) => ({ snapshotId, sizeBytes: extentBytes, geometry });
    const job: ScanJob = {
      ...{ snapshot: handle(id), base: base && handle(base.id), extent: 0, labels },
      ...{ how: base === null ? "full" : "diff", encoding: { level: 1, dictionary: true }, verify: false },
    };
    const isSent = await send(cluster, { job, kept, stopsAfter }).catch((error: unknown) => {
      if (!isDamage(error) || !VisibleError.is(error)) throw error;
      return send(cluster, { job: { ...job, how: "full", verify: true }, kept, stopsAfter: null });
    });
    if (!isSent) continue;
    assert(cluster.mirror.equals(content), `the mirror is not snapshot ${number}`);
    base = now;
  }
};

test("a mirror is what each snapshot is, whatever was kept of others, and labelled how", async (context: TestContext) => {
  const dir = await mkdtemp(join(tmpdir(), "kept-history-"));
  context.after(() => rm(dir, { recursive: true }));
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 16, size: "max" }), (steps) => history(steps, join(dir, `${++run}`))),
    { numRuns: 60 },
  );
});
