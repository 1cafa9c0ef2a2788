import assert from "node:assert/strict";
import type { AdoptionAnswer } from "../../../core/api/adoption/adoption.ts";
import { VisibleError } from "../../../core/api/errors.ts";
import { gatewayIdSchema, type PlanId, planIdSchema, type RunId, siteIdSchema } from "../../../core/api/ids.ts";
import { type Plan, type PlanEntry, scheduleSchema } from "../../../core/api/plan.ts";
import { reportSchema } from "../../../core/api/report.ts";
import type { Run } from "../../../core/api/run.ts";
import { isRunTask, type RunTask, type Task } from "../../../core/api/task.ts";
import { statusOf } from "../../../core/run/steps.ts";
import { createTestApi, type TestApi } from "../../../functions/api/testing.ts";
import { authoritiesOf } from "../../../functions/certificates/authorities.ts";
import { planKey, siteKey } from "../../../functions/documents/records.ts";
import { createPlan, runPlanNow } from "../../../functions/engine/commands.ts";
import { planOf, type StoredPlan } from "../../../functions/plans/plan-objects.ts";
import { handleReport } from "../../../functions/report.ts";
import { loadRun } from "../../../functions/runs/runs.ts";
import { handleSweep } from "../../../functions/sweep.ts";
import { resultParts } from "../../../gateway/tasks/result-parts.ts";
import { credentialsOf } from "../../../gateway/transfer/testing/credentials.ts";
import { type Authority, createAuthority } from "../../../pki/authority.ts";
import { LosableSite } from "./site.ts";

const roundsMax = 400;

type Message = { readonly task: Task } | { readonly report: object };

/** Real sites, and a control plane in memory that can be lost with all that it knows. */
export class LosableWorld {
  api: TestApi;
  authority: Authority;
  readonly sites: ReadonlyMap<string, LosableSite>;
  /** What the transfers of each run came to, in bytes on the wire, by the receiver. */
  readonly sent = new Map<string, number>();
  #messages: Message[] = [];

  private constructor(api: TestApi, authority: Authority, sites: ReadonlyMap<string, LosableSite>) {
    this.api = api;
    this.authority = authority;
    this.sites = sites;
  }

  static async open(names: readonly string[]): Promise<LosableWorld> {
    const authority = await createAuthority({ multiCluster: "main" });
    const api = await newApi(authority);
    const sites = new Map<string, LosableSite>();
    for (const name of names) {
      const credentials = await credentialsOf(authority, name, "main");
      sites.set(name, await LosableSite.open(name, credentials, () => api.deps.clock.now()));
    }
    const world = new LosableWorld(api, authority, sites);
    await world.#enrol(names);
    return world;
  }

  /** All that the control plane knew is gone. Another one begins, with an authority of its own. */
  async loseControlPlane(names: readonly string[]): Promise<void> {
    this.authority = await createAuthority({ multiCluster: "main" });
    this.api = await newApi(this.authority);
    this.#messages = [];
    await this.#enrol(names);
  }

  async #enrol(names: readonly string[]): Promise<void> {
    const { deps } = this.api;
    const createdAt = deps.clock.now();
    await deps.store.putAll(
      names.map((name) => {
        const id = siteIdSchema.parse(name);
        return { key: siteKey(id), body: { id, multiCluster: siteIdSchema.parse("main"), createdAt } };
      }),
    );
    await this.alive();
  }

  /** The gateways of the sites that are known say that they are there. */
  async alive(): Promise<void> {
    for (const site of this.sites.values()) {
      if (site.isGone || (await this.api.deps.store.get(siteKey(site.id))) === undefined) continue;
      await handleReport(this.api.deps, { kind: "alive", gateway: site.identity });
    }
  }

  site(name: string): LosableSite {
    return this.sites.get(name) ?? assert.fail(`there is no site ${name}`);
  }

  async createPlan(name: string, more: Partial<Plan> & { readonly objects: readonly PlanEntry[] }): Promise<PlanId> {
    const { deps } = this.api;
    const now = deps.clock.now();
    const id = planIdSchema.parse(`plan_01K0Z3NDEKTSV4RRFFQ69G5F${name.length.toString().padStart(2, "0")}`);
    const targets = ["b", "c"].map((site) => ({
      site: siteIdSchema.parse(site),
      retention: { keepLast: 5 },
      switches: {},
    }));
    await createPlan(deps, {
      ...{ id, kind: "backup", status: "suspended", name, source: siteIdSchema.parse("a"), createdAt: now },
      ...{
        targets,
        objectCount: more.objects.length,
        objectSet: 1,
        schedule: scheduleSchema.parse({ cycle: "hourly", startsOn: "2099-01-01" }),
      },
      ...{ compression: { enabled: true, level: 1, dictionary: true }, slotsDoneUntil: now, sequence: 0, lanes: {} },
      ...more,
    });
    return id;
  }

  async plan(id: PlanId): Promise<Plan> {
    const stored = await this.api.deps.store.get<StoredPlan>(planKey(id));
    return planOf(stored?.body ?? assert.fail(`there is no plan ${id}`));
  }

  async run(id: RunId): Promise<Run> {
    return (await loadRun(this.api.deps, id))?.run ?? assert.fail(`there is no run ${id}`);
  }

  async backUp(planId: PlanId): Promise<Run> {
    this.api.pass(1);
    await this.alive();
    const { id } = await runPlanNow(this.api.deps, planId);
    await this.settle();
    const run = await this.run(id);
    assert.equal(statusOf(run), "succeeded", JSON.stringify(run.targets));
    return run;
  }

  /** Has the control plane take in what a site holds. */
  async adopt(site: string, more: object = {}): Promise<AdoptionAnswer> {
    await this.alive();
    const { status, body } = await this.api.send<AdoptionAnswer>("POST", "/v1/adoptions", { site, ...more });
    assert.equal(status, 201, JSON.stringify(body));
    await this.settle();
    const { body: answer } = await this.api.send<AdoptionAnswer>("GET", `/v1/adoptions/${site}/${body.id}`);
    assert.equal(answer.state, "done", JSON.stringify(answer));
    return answer;
  }

  /** Has something of a group back. @returns the restore, when it has ended */
  async restore(wishes: object): Promise<Run> {
    this.api.pass(1);
    await this.alive();
    const { status, body } = await this.api.send<Run>("POST", "/v1/restores", wishes);
    assert.equal(status, 201, JSON.stringify(body));
    await this.settle();
    return this.run(body.id);
  }

  /** What a site has of objects whose names begin so, by their names. */
  async madeAt(name: string, prefix: string): Promise<ReadonlyMap<string, Buffer>> {
    const { driver, ...site } = this.site(name);
    const made = (await driver.inventory()).filter(
      (one) => one.name.startsWith(prefix) && one.origin?.role !== "mirror",
    );
    return new Map(
      await Promise.all(
        made.map(async (one) => [one.name, await this.site(site.id).read(one.volumes[0]?.id ?? "")] as const),
      ),
    );
  }

  /** All that is to be done is done, and what nobody does is found by the sweep. */
  async settle(): Promise<void> {
    let quiet = 0;
    for (let round = 0; round < roundsMax && quiet < 3; round += 1) {
      this.#collect();
      const message = this.#messages.shift();
      if (message !== undefined) {
        await this.#deliver(message);
        quiet = 0;
        continue;
      }
      quiet += 1;
      this.api.pass(60);
      await this.alive();
      await handleSweep(this.api.deps);
    }
    assert(quiet >= 3, "it never comes to an end");
  }

  #collect(): void {
    for (const site of this.sites.values()) {
      if (site.isGone) continue;
      for (const { task } of this.api.deps.tasks.takeAll(site.id)) this.#messages.push({ task });
    }
  }

  async #deliver(message: Message): Promise<void> {
    if ("report" in message) {
      reportSchema.parse(message.report);
      await handleReport(this.api.deps, message.report);
    } else if (isRunTask(message.task)) await this.#work(message.task);
    else {
      const said = await this.site(message.task.siteId).answer(message.task);
      this.#messages.push(...said.map((report) => ({ report })));
    }
  }

  async #work(task: RunTask): Promise<void> {
    const { id: taskId, runId, target, step, index, attempt, sequence, siteId } = task;
    const gatewayId = gatewayIdSchema.parse(`${siteId}-1`);
    const about = { taskId, runId, target, step, index, attempt, sequence, siteId, gatewayId };
    try {
      const result = await this.site(siteId).perform(task);
      if (result.kind === "transfer") this.#count(`${runId} ${target}`, result.progress.bytesSent);
      for (const part of resultParts(result)) this.#messages.push({ report: { kind: "completed", ...about, ...part } });
    } catch (error) {
      if (!VisibleError.is(error)) throw error;
      const { code, message, retryable } = error;
      const failed = { kind: "failed", reason: { code, message }, retryable, progressed: false };
      this.#messages.push({ report: { ...failed, ...about } });
    }
  }

  #count(key: string, bytes: number): void {
    this.sent.set(key, (this.sent.get(key) ?? 0) + bytes);
  }

  /** Bytes on the wire of a run to a target. */
  sentTo(run: Run, target: string): number {
    return this.sent.get(`${run.id} ${target}`) ?? 0;
  }

  async close(): Promise<void> {
    for (const site of this.sites.values()) await site.burn();
  }
}

/** Whose clock says what all clocks say, for certificates are judged by it. */
const newApi = async (authority: Authority): Promise<TestApi> => {
  const api = await createTestApi();
  api.pass((Date.now() - Date.parse(api.deps.clock.now())) / 1000);
  api.deps.authorities = authoritiesOf(new Map([["main", authority]]));
  return api;
};
