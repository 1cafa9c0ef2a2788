import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { VmObject } from "../../../core/api/object/vm.ts";
import { writePattern } from "../../../infra/local/demo/image.ts";
import { until } from "../../patience.ts";
import { createObjects, vmNamed } from "../scenario.ts";
import { geometry, MiB, MovingPlans } from "./world.ts";

const macAddress = "52:54:00:00:00:01";

const isOn = ({ vm }: VmObject): boolean => vm.status === "RUNNING";

/** A VM that is on and a LUN at site a, with a plan for both that has backed them up. */
const shop = async (): Promise<MovingPlans> => {
  const world = await MovingPlans.of(["a", "b"]);
  const { local } = world;
  await createObjects(local, "a", [
    { kind: "switch", name: "prod" },
    {
      ...{ kind: "vm", name: "web", memory: "1GiB", disks: [{ size: "8MiB", geometry }] },
      nics: [{ switch: "prod", macAddress }],
    },
  ]);
  await createObjects(local, "b", [{ kind: "switch", name: "dr-prod" }]);
  const image = join(local.dir, "disk.img");
  await writePattern(image, 32 * MiB, 1);
  await local.importImage("a", image, { name: "db1", geometry });
  await world.write({ site: "a", name: "web" }, 50);
  await world.does("object", "power-on", "web", "--site", "a");
  for (const site of ["a", "b"]) await local.refreshed(site);
  await world.does("site", "map", "a", "--to", "b", "prod=dr-prod");
  await local.createPlan({
    name: "shop",
    objects: [
      { kind: "vm", name: "web" },
      { kind: "lun", name: "db1" },
    ],
  } as never);
  await world.backUp("shop");
  return world;
};

describe("a planned failover of a VM and a LUN", () => {
  let world: MovingPlans;
  const sums = async (site: string) => ({
    web: await world.sha256({ site, name: "web" }),
    db1: await world.sha256({ site, name: "db1" }),
  });
  const vm = async (site: string) => vmNamed(await world.objects(site), "web");

  before(async () => {
    world = await shop();
  });
  after(() => world?.local.remove());

  test("is refused before anything moves where its names are taken, and says all of them", async () => {
    await world.local.importImage("b", join(world.local.dir, "disk.img"), { name: "db1", geometry });
    const refused = await world.says("failover", "shop", "--to", "b", "--planned", "--wait", "--yes");
    assert.equal(refused.exitCode, 2, refused.stdout);
    assert.match(refused.stderr, /“db1”.*\(OBJECT_NAME_TAKEN\)\n {2}hint: .*--rename/);
    assert.ok(isOn(await vm("a")), "a machine was switched off at home");
    await world.does("object", "delete", "db1", "--kind", "lun", "--site", "b", "--yes");
    await world.local.refreshed("b");
  });

  test("switches the VM off, and waits for a person who says that nobody uses the LUN any more", async () => {
    await world.write({ site: "a", name: "db1" }, 40);
    await world.says("failover", "shop", "--to", "b", "--planned", "--wait", "--yes");
    const failover = await world.comesTo("confirming", "shop");
    assert.deepEqual(
      failover.unstoppable?.map(({ name }) => name),
      ["db1"],
    );
    assert.equal(isOn(await vm("a")), false);
    assert.deepEqual(await world.names("b"), []);
  });

  test("halts when somebody writes after the last difference was taken, and takes another one then", async () => {
    await world.write({ site: "a", name: "db1" }, 700, 1);
    await world.local.limit(500 * 1024);
    await world.does("failover", "continue", "shop");
    await until(
      "the last difference to be on its way",
      async () => {
        const failover = await world.shown("shop");
        if (failover.state !== "sending" || failover.runId === undefined) return false;
        const run = await world.local.readRun(failover.runId).catch(() => undefined);
        return run?.targets[0]?.step === "transferring" || run?.targets[0]?.state === "transferring";
      },
      50,
    );
    await world.write({ site: "a", name: "db1" }, 3, 2);
    await world.local.limit(undefined);
    const failover = await world.comesToHalt("shop");
    assert.deepEqual([failover.state, failover.halted?.code], ["comparing", "CHANGED_AFTER_STOP"]);
    assert.match(failover.halted?.message ?? "", /“db1”/);
    assert.deepEqual(await world.names("b"), []);
  });

  test("asks once more, loses nothing, keeps names and MAC addresses, and starts the VM there and not here", async () => {
    const here = await sums("a");
    await world.says("failover", "continue", "shop", "--wait");
    await world.comesTo("confirming", "shop");
    await world.does("failover", "continue", "shop", "--wait");
    await world.comesTo("failed-over", "shop");
    assert.deepEqual(await sums("b"), here);
    const there = await vm("b");
    assert.deepEqual(
      there.vm.nics.map((nic) => [nic.macAddress, nic.virtualSwitch]),
      [[macAddress, "dr-prod"]],
    );
    assert.deepEqual([isOn(await vm("a")), isOn(there)], [false, true]);
  });

  test("goes home with what was written there, and the VM is on here and not there", async () => {
    await world.write({ site: "b", name: "db1" }, 20, 4);
    await world.says("failback", "shop", "--wait", "--yes");
    await world.comesTo("confirming-back", "shop");
    const there = await sums("b");
    await world.does("failover", "continue", "shop", "--wait");
    await world.comesTo("home", "shop");
    assert.deepEqual(await sums("a"), there);
    assert.ok(isOn(await vm("a")));
    assert.deepEqual(await world.names("a"), ["db1", "web"]);
    assert.deepEqual(await world.names("b"), []);
  });

  test("leaves a plan that goes on with increments", async () => {
    const run = await world.backUp("shop");
    assert.equal(run.targets[0]?.base?.why, "increment");
  });
});

describe("a planned failover that is given up half-way", () => {
  let world: MovingPlans;

  before(async () => {
    world = await shop();
  });
  after(() => world?.local.remove());

  test("switches on again what it has switched off, and the plan's backups go on", async () => {
    await world.says("failover", "shop", "--to", "b", "--planned", "--wait", "--yes");
    await world.comesTo("confirming", "shop");
    await world.does("failover", "undo", "shop", "--wait", "--yes");
    await world.comesTo("undone", "shop");
    assert.ok(isOn(vmNamed(await world.objects("a"), "web")));
    assert.deepEqual(await world.names("b"), []);
    const run = await world.backUp("shop");
    assert.equal(run.targets[0]?.base?.why, "increment");
  });
});
