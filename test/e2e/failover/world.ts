import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { run as runCommand } from "../../../cli/testing.ts";
import type { RunAnswer } from "../../../core/api/answers.ts";
import type { FailoverAnswer } from "../../../core/api/failover/answer.ts";
import type { FailoverState } from "../../../core/api/failover/failover.ts";
import type { ObjectConfig } from "../../../core/api/object.ts";
import { steadyTime } from "../../../gateway/time/time.ts";
import { until } from "../../patience.ts";
import { Local } from "../local.ts";
import { isMirror } from "../scenario.ts";

export const KiB = 1024;
export const MiB = 1024 ** 2;
/** Small, so that little has to be looked at. */
export const geometry = { extentBytes: MiB, stripeCount: 1, stripeBytes: MiB };
export const grainBytes = 4 * KiB;

/** What may travel for so many grains that were written. */
export const mayBeSent = (grains: number): number => grains * grainBytes * 1.05 + MiB;

/** How an object is at a site: of a VM its first disk. */
interface Place {
  readonly site: string;
  readonly name: string;
}

/** Sites between which plans move, as people move them. */
export class MovingPlans {
  readonly local: Local;

  constructor(local: Local) {
    this.local = local;
  }

  static async of(sites: readonly string[], env = process.env): Promise<MovingPlans> {
    const local = await Local.create({ env });
    await local.start({ sites: [...sites] });
    return new MovingPlans(local);
  }

  /** What a command prints and answers that may be refused. */
  async says(...args: readonly string[]) {
    return runCommand(args, { env: { SMTX_BACKUP_DIR: this.local.dir }, fetch, time: steadyTime });
  }

  /** A command that does what is asked. @returns what it prints */
  async does(...args: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.says(...args);
    assert.equal(exitCode, 0, `${args.join(" ")}: ${stderr}${stdout}`);
    return stdout;
  }

  /** A plan's newest failover, by `failover show`. @param plan with `--test`: its newest test */
  async shown(...plan: readonly string[]): Promise<FailoverAnswer> {
    return this.local.command<FailoverAnswer>("failover", "show", ...plan);
  }

  /** Waits until it is in that state; it must not halt before. */
  async comesTo(state: FailoverState, ...plan: readonly string[]): Promise<FailoverAnswer> {
    await until(
      `the failover of ${plan} to be ${state}`,
      async () => {
        const failover = await this.shown(...plan);
        const { code, message } = failover.halted ?? {};
        if (failover.state !== state) assert.equal(code, undefined, `${failover.state}: ${message}`);
        return failover.state === state;
      },
      100,
    );
    return this.shown(...plan);
  }

  async comesToHalt(plan: string): Promise<FailoverAnswer> {
    await until(`the failover of ${plan} to halt`, async () => (await this.shown(plan)).halted !== undefined, 100);
    return this.shown(plan);
  }

  async backUp(plan: string): Promise<RunAnswer> {
    const run = await this.local.ended(await this.local.runPlan(plan));
    assert.equal(run.status, "succeeded", JSON.stringify(run));
    return run;
  }

  /** What a site has that is no mirror, without the disks of VMs. */
  async objects(site: string): Promise<readonly ObjectConfig[]> {
    const all = (await this.local.inventory(site)).filter((object) => !isMirror(object));
    const ofVms = new Set(all.flatMap(({ kind, volumes }) => (kind === "vm" ? volumes.map(({ id }) => id) : [])));
    return all.filter(({ kind, volumes }) => kind !== "volume" || !volumes.some(({ id }) => ofVms.has(id)));
  }

  async names(site: string): Promise<readonly string[]> {
    return (await this.objects(site)).map(({ name }) => name).sort();
  }

  async volumeOf({ site, name }: Place): Promise<string> {
    const found = (await this.objects(site)).find((object) => object.name === name);
    return found?.volumes[0]?.id ?? assert.fail(`site ${site} has no ${name}: ${await this.names(site)}`);
  }

  async sha256(place: Place): Promise<string> {
    const volumeId = await this.volumeOf(place);
    return (await this.local.exportImage(place.site, join(this.local.dir, "now.img"), { volumeId })).sha256;
  }

  /** What a site has of the only volume of a group. */
  async sha256In(site: string, groupId: string): Promise<string> {
    const [snapshot] = await this.local.snapshotsOf(site, groupId);
    assert.ok(snapshot);
    const { snapshotId } = snapshot;
    return (await this.local.exportImage(site, join(this.local.dir, "then.img"), { snapshotId })).sha256;
  }

  /** Writes grains that lie apart, from one on: others for another one. */
  async write(place: Place, grains: number, first = 0): Promise<void> {
    const volumeId = await this.volumeOf(place);
    await this.local.onStorage(place.site, async (storage) => {
      const volume = await storage.openVolume(volumeId, "write");
      for (let grain = 0; grain < grains; grain += 1) {
        await volume.write((first + grain * 10) * grainBytes, randomBytes(grainBytes));
      }
      await volume.flush();
      await volume.close();
    });
  }

  /** The run of a step of a failover. */
  async runOf(failover: FailoverAnswer, state: FailoverState): Promise<RunAnswer> {
    const runId = failover.steps.findLast((step) => step.state === state)?.runId;
    assert.ok(runId, `the failover has no run of ${state}: ${JSON.stringify(failover.steps)}`);
    return this.local.readRun(runId);
  }
}

export const sentBy = (run: RunAnswer): number =>
  run.targets.reduce((sum, { progress }) => sum + progress.bytesSent, 0);
