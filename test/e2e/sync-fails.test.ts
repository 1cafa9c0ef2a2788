import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { answerOf } from "../../cli/context/client.ts";
import type { RunAnswer, RunTarget } from "../../core/api/answers.ts";
import { Database } from "../../gateway/storage/extentstore/database/database.ts";
import { Local } from "./local.ts";
import { createObjects, fill, geometry } from "./scenario.ts";

const sites = ["a", "b", "c"];
const example = (name: string): string => fileURLToPath(new URL(`../../docs/examples/${name}.yaml`, import.meta.url));
const shape = { size: "256KiB", geometry };

describe("the synchronization of configurations, before any data moves", () => {
  let local: Local;

  before(async () => {
    local = await Local.create();
    await local.start({ sites });
    await local.command("object", "create", "-f", example("cluster-a"), "--site", "a");
    for (const site of ["b", "c"]) {
      await local.command("object", "create", "-f", example("cluster-b"), "--site", site);
    }
    await createObjects(local, "a", [
      { kind: "switch", name: "lab" },
      { kind: "lun", name: "disk", ...shape },
      { kind: "nfs-file", name: "/exports/e1/archive.tar", ...shape },
      { kind: "vm", name: "probe", memory: "1GiB", disks: [shape], nics: [{ switch: "lab" }] },
    ]);
    await createObjects(local, "b", [
      { kind: "pool", name: "tiny", capacity: "128KiB" },
      { kind: "switch", name: "dr-lab" },
    ]);
    await createObjects(local, "c", [{ kind: "switch", name: "dr-lab" }]);
    for (const site of sites) await local.refreshed(site);
    const small = (await local.inventory("a")).filter(({ volumes }) =>
      volumes.every(({ sizeBytes }) => sizeBytes < 3e5),
    );
    await fill(
      local,
      "a",
      small.filter(({ name }) => /disk|archive|probe/.test(name)),
    );
  });
  after(() => local.remove());

  /** Runs a plan whose target b can't be prepared. @returns what became of it there */
  const runWithFailing = async (plan: string): Promise<RunTarget> => {
    const run = await local.ended(await local.runPlan(plan));
    assert.equal(run.status, "partly", JSON.stringify(run, undefined, 2));
    const [b, c] = ["b", "c"].map((id) => run.targets.find(({ site }) => site === id) ?? assert.fail(id));
    assert(b && c);
    assert.equal(c.state, "succeeded");
    assert.equal(b.state, "failed");
    assert.equal(b.progress.bytesRead, 0);
    assert.equal(b.progress.bytesSent, 0);
    await published(run, ["c"]);
    return b;
  };

  const published = async (run: RunAnswer, where: readonly string[]): Promise<void> => {
    for (const site of ["b", "c"]) {
      const group = await local.onStorage(site, (storage) => storage.findGroup(run.groupId));
      assert.equal(group !== undefined, where.includes(site), `site ${site}`);
    }
  };

  const targets = [
    { site: "b", retention: { keepLast: 3 } },
    { site: "c", retention: { keepLast: 3 } },
  ];
  const createPlan = async (name: string, object: object, b: object = {}) =>
    local.createPlan({
      name,
      targets: targets.map((target) => (target.site === "b" ? { ...target, ...b } : target)),
      objects: [object],
    } as never);

  test("succeeds for the documents that we give as an example", async () => {
    await local.command("site", "map", "a", "--to", "b", "prod=dr-prod", "backend=dr-backend", "lab=dr-lab");
    await local.command("site", "map", "a", "--to", "c", "prod=dr-prod", "lab=dr-lab");
    await local.command("plan", "create", "-f", example("plan"));
    const run = await local.ended(await local.runPlan("shop"));
    assert.equal(run.status, "succeeded", JSON.stringify(run, undefined, 2));
    await published(run, ["b", "c"]);
  });

  test("fails where the pool is too small: no data moves, and the other target is done", async () => {
    await createPlan("pool", { kind: "lun", name: "disk" }, { pool: "tiny" });
    const { reason, endedAt } = await runWithFailing("pool");
    assert(endedAt);
    assert.equal(reason?.code, "POOL_FULL");
    assert.match(reason.message, /disk/);
    assert.match(reason.message, /Site b: .*tiny.* are missing/);
  });

  test("fails where a production object has the mirror's name: the same", async () => {
    const { id } = await createPlan("name", { kind: "nfs-file", name: "/exports/e1/archive.tar" });
    await createObjects(local, "b", [{ kind: "nfs-export", name: `mirror.a.${id}.e1` }]);
    const { reason } = await runWithFailing("name");
    assert.equal(reason?.code, "OBJECT_NAME_TAKEN");
    assert.match(reason.message, /archive\.tar/);
    assert.match(reason.message, new RegExp(`mirror\\.a\\.${id}\\.e1`));
  });

  test("fails where the switch that is mapped to is gone: the same", async () => {
    await createPlan("switch", { kind: "vm", name: "probe" });
    const database = new Database(join(local.dir, "sites", "b", "store", "store.sqlite"));
    database.run("DELETE FROM switches WHERE name = 'dr-lab'");
    database.close();
    const { reason } = await runWithFailing("switch");
    assert.equal(reason?.code, "SWITCH_UNKNOWN");
    assert.match(reason.message, /probe/);
    assert.match(reason.message, /dr-lab/);
  });

  test("leaves nothing of what failed where it can be seen", async () => {
    const { items } = await answerOf(
      local.api.v1.plans[":plan"].groups.$get({ param: { plan: "switch" }, query: { site: "b" } }),
    );
    assert.deepEqual(items, []);
  });
});
