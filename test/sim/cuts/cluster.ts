import assert from "node:assert/strict";
import { cp, rm } from "node:fs/promises";
import type { ObjectConfig } from "../../../core/api/object.ts";
import type { ObjectSpec } from "../../../core/api/object-spec.ts";
import type { RunTask, TaskResult } from "../../../core/api/task.ts";
import { recordingLog } from "../../../gateway/agent/testing.ts";
import { createAwaitReady } from "../../../gateway/readiness/await-ready.ts";
import { noise, readVolume, write } from "../../../gateway/storage/conformance/fixtures.ts";
import type { StorageDriver } from "../../../gateway/storage/driver.ts";
import { ExtentStore } from "../../../gateway/storage/extentstore/extentstore.ts";
import { memoryDir } from "../../../gateway/storage/extentstore/testing/memory-dir.ts";
import { performTask } from "../../../gateway/tasks/perform.ts";
import { servesNothing } from "../../../gateway/tasks/serves-nothing.ts";
import { identity, instant } from "../../../gateway/tasks/testing.ts";
import { systemTime } from "../../../gateway/time/time.ts";
import { type Cut, cutAround, Died } from "./cut.ts";
import { sendWhatDiffers } from "./sender.ts";

export const extentBytes = 64 * 1024;
const geometry = { extentBytes, stripeCount: 1, stripeBytes: extentBytes };
export const volumeBytes = 2 * extentBytes;

/** The folder of a cluster in which there is nothing yet. */
export const emptyCluster = async (): Promise<string> => {
  const dir = await memoryDir("cuts-empty");
  await (await ExtentStore.open(dir)).close();
  return dir;
};

/** A real cluster, and the gateway in front of it. */
export class CutCluster {
  readonly dir: string;
  readonly #swaps: boolean;
  driver: StorageDriver;
  /** Extents that were sent from here. */
  sentExtents = 0;

  private constructor(dir: string, swaps: boolean, driver: StorageDriver) {
    this.dir = dir;
    this.#swaps = swaps;
    this.driver = driver;
  }

  /** @param like the folder of an empty one, which is made faster by a copy */
  static async open(name: string, swaps: boolean, like: string): Promise<CutCluster> {
    const dir = await memoryDir(`cuts-${name}`);
    await cp(like, dir, { recursive: true });
    return new CutCluster(dir, swaps, await ExtentStore.open(dir, { swaps }));
  }

  /** Another gateway comes in the place of one that died, and takes back what that was holding. */
  async takeOver(): Promise<void> {
    await this.driver.close();
    this.driver = await ExtentStore.open(this.dir, { swaps: this.#swaps });
  }

  async remove(): Promise<void> {
    await this.driver.close();
    await rm(this.dir, { recursive: true });
  }

  /** What its console makes; of that, the objects. */
  create(specs: readonly ObjectSpec[]): Promise<readonly ObjectConfig[]> {
    return this.#administration.createObjects(specs);
  }

  async power(name: string, power: "on" | "off"): Promise<void> {
    const { kind, id } = (await this.ordinary()).find((one) => one.name === name) ?? assert.fail(`no ${name}`);
    await this.#administration.setPower({ kind, id }, power);
  }

  /** All objects but mirrors, and disks that are a VM's. */
  async ordinary(): Promise<readonly ObjectConfig[]> {
    const all = (await this.driver.inventory()).filter(({ origin }) => origin?.role !== "mirror");
    const disks = new Set(all.flatMap(({ kind, volumes }) => (kind === "vm" ? volumes.map(({ id }) => id) : [])));
    return all.filter(({ kind, volumes }) => kind === "vm" || !volumes.some(({ id }) => disks.has(id)));
  }

  get #administration() {
    return this.driver.administration ?? assert.fail("it is administered elsewhere");
  }

  createVolume(name: string) {
    return this.driver.createVolume({ name, kind: "volume", sizeBytes: volumeBytes, geometry });
  }

  fill(volumeId: string, seed: number): Promise<void> {
    return write(this.driver, volumeId, [0, noise(volumeBytes, seed)]);
  }

  read(volumeId: string): Promise<Buffer> {
    return readVolume(this.driver, volumeId);
  }
}

/**
 * Does a task as a gateway does, and may die at each call of a storage, and between the extents of
 * one that writes in place.
 * @throws Died, and what the task throws
 */
export const doTask = async (
  task: RunTask,
  { here, to, cut }: { readonly here: CutCluster; readonly to: CutCluster; readonly cut: Cut },
): Promise<TaskResult> => {
  const life = { isDead: false };
  const come = (place: string) => cut.come(life, "storage", `${task.step}: ${place}`);
  const ending = new AbortController();
  const moved = () => {
    try {
      come(`${task.kind}, in the middle`);
    } catch (error) {
      ending.abort(error);
    }
  };
  const call = { signal: ending.signal, onMoved: moved };
  const storage = cutAround(inParts(here.driver, call), { come });
  const there = cutAround(to.driver, { come: (place) => come(`there, ${place}`) });
  const result = await performTask(task, {
    ...servesNothing,
    awaitReady: createAwaitReady(systemTime),
    ...{ storage, identity, log: recordingLog(), signal: ending.signal },
    send: sendWhatDiffers(task, there, here),
    now: () => instant(new Date().toISOString()),
    onMoved: () => undefined,
    onProgress: () => undefined,
    onAcknowledged: () => undefined,
  });
  if (life.isDead) throw new Died();
  return result;
};

/** What takes long tells of itself, as it does where an agent calls it. */
const inParts = (driver: StorageDriver, call: { readonly signal: AbortSignal; readonly onMoved: () => void }) =>
  new Proxy(driver, {
    get: (of, name) => {
      if (name === "rollback") return (options: never) => of.rollback(options, call);
      if (name === "undoRollback") return (options: never) => of.undoRollback(options, call);
      const value = Reflect.get(of, name, of);
      return typeof value === "function" ? value.bind(of) : value;
    },
  });
