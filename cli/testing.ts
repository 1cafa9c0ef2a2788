import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { Facilities } from "../core/api/facilities.ts";
import type { Damage } from "../core/api/group.ts";
import { gatewayIdSchema, type SiteId } from "../core/api/ids.ts";
import type { ObjectConfig } from "../core/api/object.ts";
import { isRunTask, type RunTask } from "../core/api/task.ts";
import { createTestApi, reportAlive, siteA, siteB, type TestApi } from "../functions/api/testing.ts";
import { complete } from "../functions/api/testing-gateway.ts";
import { putInventoryPart } from "../functions/inventory/inventory.ts";
import { inventoryReports } from "../gateway/tasks/inventory.ts";
import { type Host, type Screen, takingBack } from "./host/host.ts";
import { main } from "./main.ts";

/** A folder that goes with the test. */
export const temporaryFolder = async (t: TestContext): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), "smtx-backup-cli-test-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
};

export const recordingScreen = (isTerminal: boolean, columns = 100) => {
  const screen = {
    text: "",
    isTerminal,
    columns,
    write: (text: string) => {
      screen.text += text;
    },
    takeBack: (lines: number) => {
      screen.text += takingBack(lines);
    },
  };
  return screen satisfies Screen;
};

/** A time that passes by being slept through; whoever works meanwhile does it in `meanwhile`. */
export const sleptTime = (meanwhile: () => Promise<void> = async () => undefined) => {
  let nowMs = 0;
  return {
    nowMs: () => nowMs,
    sleep: async (ms: number) => {
      nowMs += ms;
      await meanwhile();
    },
  };
};

/** A host that touches nothing but what a test gives it. */
export const fakeHost = (parts: Partial<Host> = {}) => {
  const stopping = new AbortController();
  const refuse = async () => {
    throw new Error("a test did not expect this");
  };
  return {
    env: {},
    stdout: recordingScreen(false),
    stderr: recordingScreen(false),
    readInput: refuse,
    input: () => {
      throw new Error("a test did not expect this");
    },
    writeOutput: refuse,
    ask: refuse,
    signal: stopping.signal,
    stop: () => stopping.abort(new Error("stopped by SIGINT")),
    time: sleptTime(),
    fetch: refuse,
    localUp: refuse,
    runGateway: refuse,
    checkGateway: refuse,
    probeCluster: refuse,
    enrolGateway: refuse,
    makeAuthority: refuse,
    createTokenInTable: refuse,
    takeOverTable: refuse,
    ...parts,
  };
};

/** What a command line printed, and its exit code. */
export const run = async (args: readonly string[], parts: Partial<Host> = {}) => {
  const [stdout, stderr] = [recordingScreen(false), recordingScreen(false)];
  const exitCode = await main(args, fakeHost({ stdout, stderr, ...parts }));
  return { exitCode, stdout: stdout.text, stderr: stderr.text };
};

const siteIds = [siteA, siteB];

/** The API in memory with sites a and b, and gateways that work while somebody sleeps. */
export const createWorld = async () => {
  const api = await createTestApi();
  for (const id of siteIds) await api.send("POST", "/v1/sites", { id, multiCluster: "main" });
  const env = { SMTX_BACKUP_URL: "https://api.test", SMTX_BACKUP_TOKEN: await api.token() };
  const inMemory: typeof fetch = async (input, init) => api.app.request(input as string, init);
  const world = {
    api,
    /** What the gateways of site a see when they look. */
    objects: [] as readonly ObjectConfig[],
    /** What each site has besides, where its gateways tell of it. */
    facilities: {} as Readonly<Record<string, Facilities>>,
    /** What becomes of a run's task. */
    perform: (task: RunTask): Promise<void> => complete(api, task),
    /** A second goes by, in which the gateways do what there is to do. */
    work: async (): Promise<void> => {
      api.pass(1);
      for (const siteId of siteIds) {
        await reportAlive(api, siteId);
        for (const { task } of api.deps.tasks.takeAll(siteId)) {
          if (isRunTask(task)) await world.perform(task);
          else if (task.kind === "inventory") await tellInventory(api, siteId, world);
        }
      }
    },
    host: () => ({ env, fetch: inMemory, time: sleptTime(world.work) }),
    /** Runs a command line in this world. */
    run: (args: readonly string[], parts: Partial<Host> = {}) => run(args, { ...world.host(), ...parts }),
  };
  for (const siteId of siteIds) await reportAlive(api, siteId);
  return world;
};
export type TestWorld = Awaited<ReturnType<typeof createWorld>>;

/** What site `a` has, and what every site says is damaged. */
export const tellInventory = async (
  api: TestApi,
  siteId: SiteId,
  {
    objects,
    damage = [],
    facilities = {},
  }: {
    readonly objects: readonly ObjectConfig[];
    readonly damage?: readonly Damage[];
    readonly facilities?: Readonly<Record<string, Facilities>>;
  },
): Promise<void> => {
  const identity = { id: gatewayIdSchema.parse("gw-1"), siteId };
  const has = facilities[siteId];
  const inventory = { objects, damage, ...(has && { facilities: has }) };
  for (const part of inventoryReports(inventory, identity, api.deps.clock.now())) {
    await putInventoryPart(api.deps, part);
  }
};
