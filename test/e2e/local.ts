import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { answerOf, createClient } from "../../cli/context/client.ts";
import { run } from "../../cli/testing.ts";
import type { ErrorBody, RunAnswer } from "../../core/api/answers.ts";
import { errorToldAs, VisibleError } from "../../core/api/errors.ts";
import { isUnusable } from "../../core/api/judged-object.ts";
import type { Geometry } from "../../core/api/object/volume-shape.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import type { PlanDefinition } from "../../core/api/plan.ts";
import type { StorageDriver } from "../../gateway/storage/driver.ts";
import { exportImage } from "../../gateway/storage/image/export.ts";
import { importImage } from "../../gateway/storage/image/import.ts";
import { openStorage } from "../../gateway/storage/open.ts";
import { steadyTime } from "../../gateway/time/time.ts";
import type { LocalUpOptions } from "../../infra/local/up.ts";
import { hangMs, until } from "../patience.ts";

const script = fileURLToPath(new URL("./up-process.ts", import.meta.url));

interface LocalOptions {
  readonly gatewaysPerSite?: number;
  readonly sites?: readonly string[];
}

/** The whole system on this machine, in processes of its own, driven through its API. */
export class Local {
  readonly dir: string;
  /** As whoever starts it has it; its `AWS_ENDPOINT_URL` chooses the emulators. */
  readonly env: NodeJS.ProcessEnv;
  #process: ChildProcess | undefined;
  #api: ReturnType<typeof createClient> | undefined;
  #output = "";

  constructor(dir: string, env: NodeJS.ProcessEnv) {
    this.dir = dir;
    this.env = env;
  }

  static async create({ env = process.env } = {}): Promise<Local> {
    return new Local(await mkdtemp(join(tmpdir(), "smtx-backup-e2e-")), env);
  }

  get api(): ReturnType<typeof createClient> {
    assert(this.#api, "the system has not been started");
    return this.#api;
  }

  /** What the process that runs the functions wrote to standard error. */
  get output(): string {
    return this.#output;
  }

  /** Of the process that runs the functions. */
  get pid(): number {
    assert(this.#process?.pid, "the system has not been started");
    return this.#process.pid;
  }

  /** @param options.envoy `auto`: each gateway has an Envoy; else they dial each other */
  async start({
    gatewaysPerSite = 1,
    sites = ["a", "b"],
    ...more
  }: LocalOptions & Pick<LocalUpOptions, "storages" | "envoy"> = {}): Promise<void> {
    const parameters = [script, this.dir, String(gatewaysPerSite), sites.join(), JSON.stringify(more)];
    const child = spawn(process.execPath, parameters, {
      stdio: ["pipe", "pipe", "pipe"],
      env: this.env,
    });
    this.#process = child;
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#output += text;
    });
    const exited = once(child, "exit").then(([code]) => assert.fail(`the system ended (${code}): ${this.#output}`));
    const firstLine = once(createInterface({ input: child.stdout as NodeJS.ReadableStream }), "line");
    const late = AbortSignal.timeout(hangMs);
    const [line] = await Promise.race([
      firstLine,
      exited,
      once(late, "abort").then(() => assert.fail("it did not start")),
    ]);
    exited.catch(() => undefined);
    const { url, tokenFile } = JSON.parse(line as string) as { url: string; tokenFile: string };
    this.#api = createClient({ url, token: (await readFile(tokenFile, "utf8")).trim() });
  }

  /** Ends it as Ctrl-C would. */
  async stop(): Promise<void> {
    await this.#end("SIGTERM");
  }

  /** The process that runs the functions dies at once. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill(signal);
    const [code] = await exited;
    if (signal === "SIGTERM") assert.equal(code, 0, `it did not end cleanly: ${this.#output}`);
  }

  async remove(): Promise<void> {
    await this.kill();
    await rm(this.dir, { recursive: true, force: true });
  }

  /** `kill -9` of a gateway; whoever supervises it starts it again. @returns its process id */
  async killGateway(site: string, gateway = `${site}1`): Promise<number> {
    const pid = Number(await readFile(join(this.dir, "sites", site, `${gateway}.pid`), "utf8"));
    process.kill(pid, "SIGKILL");
    return pid;
  }

  async gatewayLog(site: string, gateway = `${site}1`): Promise<readonly Record<string, unknown>[]> {
    const text = await readFile(join(this.dir, "sites", site, `${gateway}.log`), "utf8");
    return text
      .split("\n")
      .filter((line) => line.startsWith("{") && line.endsWith("}"))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** What `smtx-backup` answers to a command, as JSON. @throws VisibleError as it tells it */
  async command<T>(...args: readonly string[]): Promise<T> {
    const env = { SMTX_BACKUP_DIR: this.dir };
    const { exitCode, stdout, stderr } = await run([...args, "--json"], { env, fetch, time: steadyTime });
    if (exitCode === 0) return JSON.parse(stdout || "null") as T;
    const { error } = JSON.parse(stderr.trim().split("\n").at(-1) ?? "") as ErrorBody;
    throw errorToldAs(error);
  }

  async onStorage<T>(site: string, use: (storage: StorageDriver) => Promise<T>): Promise<T> {
    const storage = await openStorage({ kind: "extentstore", dir: join(this.dir, "sites", site, "store") });
    try {
      return await use(storage);
    } finally {
      await storage.close();
    }
  }

  async importImage(
    site: string,
    file: string,
    target: { name: string; kind?: "lun" | "volume"; geometry?: Geometry } | { into: string },
  ) {
    const signal = AbortSignal.timeout(hangMs);
    const imported = await this.onStorage(site, (storage) =>
      importImage({ file, storage, signal, ...("into" in target ? target : { kind: "lun" as const, ...target }) }),
    );
    await this.refreshed(site);
    return imported;
  }

  async exportImage(site: string, file: string, from: { volumeId: string } | { snapshotId: string }) {
    const signal = AbortSignal.timeout(hangMs);
    return this.onStorage(site, (storage) =>
      exportImage({ storage, file, format: "raw", signal, force: true, ...from }),
    );
  }

  /** The snapshots of a group on a site, by volume. */
  async snapshotsOf(site: string, groupId: string) {
    const group = await this.onStorage(site, (storage) => storage.findGroup(groupId as never));
    assert(group, `site ${site} has no group ${groupId}`);
    return group.snapshots;
  }

  /** What a site's storage has, whether anything runs or not. */
  async inventory(site: string): Promise<readonly ObjectConfig[]> {
    return this.onStorage(site, (storage) => storage.inventory());
  }

  /** The names of a site's volumes by their ids, as its storage has them. */
  async volumeNames(site: string): Promise<ReadonlyMap<string, string>> {
    const objects = await this.inventory(site);
    return new Map(objects.flatMap(({ name, volumes }) => volumes.map(({ id }) => [id, name] as const)));
  }

  /** Waits for an inventory that was taken after now. */
  async refreshed(site: string): Promise<void> {
    const asked = new Date().toISOString();
    await this.api.v1.sites[":site"].inventory.$post({ param: { site } });
    await until(`an inventory of ${site}`, async () => {
      const seen = await this.objects(site, 1);
      return seen !== undefined && seen.observedAt > asked;
    });
  }

  /** What the site has, and when it was seen; undefined before its gateway has spoken. */
  async objects(site: string, limit = 100) {
    try {
      const query = { limit: limit.toString() };
      const { observedAt, items } = await answerOf(this.api.v1.sites[":site"].objects.$get({ param: { site }, query }));
      return { observedAt, objects: items.flatMap((object) => (isUnusable(object) ? [] : [object])) };
    } catch (error) {
      if (VisibleError.is(error)) return undefined;
      throw error;
    }
  }

  async createPlan(definition: Partial<PlanDefinition> & { name: string }) {
    const json = {
      source: "a",
      targets: [{ site: "b", retention: { keepLast: 3 } }],
      ...definition,
    };
    return answerOf(this.api.v1.plans.$post({ json: json as never }));
  }

  /**
   * Creates a plan whose first slot is at a minute that comes soon. On a machine that is busy that
   * minute may have gone by before the plan is there; then it is done once more, with more time.
   */
  async createPlanBeforeSlot(define: (slot: Date) => Partial<PlanDefinition>) {
    for (let leadMs = 5_000; ; leadMs *= 2) {
      const slot = new Date(Math.ceil((Date.now() + leadMs) / 60_000) * 60_000);
      const plan = await this.createPlan({ name: `with-a-slot-${leadMs}`, ...define(slot) });
      if (Date.now() < slot.getTime()) return { slot, plan };
    }
  }

  /** What the plan did at its slots and otherwise. */
  async history(plan: string) {
    return answerOf(this.api.v1.plans[":plan"].runs.$get({ param: { plan }, query: {} }));
  }

  /**
   * Limits how fast site a sends to b, and waits until its gateway goes by it. Undefined: no limit.
   */
  async limit(bytesPerSecond: number | undefined): Promise<void> {
    const limits = bytesPerSecond === undefined ? [] : [{ target: "b", bytesPerSecond }];
    const json = { limits } as never;
    const { limitsVersion } = await answerOf(this.api.v1.sites[":site"].limits.$put({ param: { site: "a" }, json }));
    await until("the gateway to take the limit", async () =>
      (await this.gatewayLog("a")).some(({ msg, version }) => msg === "settings taken" && version === limitsVersion),
    );
  }

  async runPlan(plan: string): Promise<string> {
    const run = await answerOf(this.api.v1.plans[":plan"].run.$post({ param: { plan } }));
    return run.id;
  }

  async readRun(run: string): Promise<RunAnswer> {
    return answerOf(this.api.v1.runs[":run"].$get({ param: { run } })) as Promise<RunAnswer>;
  }

  /** Waits until a run has ended. */
  async ended(run: string, patienceMs = hangMs): Promise<RunAnswer> {
    await until(
      `the end of ${run}`,
      async () => !["queued", "running"].includes((await this.readRun(run)).status),
      100,
      patienceMs,
    );
    return this.readRun(run);
  }
}
