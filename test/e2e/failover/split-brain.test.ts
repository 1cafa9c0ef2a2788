import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { until } from "../../patience.ts";
import { createObjects, vmNamed } from "../scenario.ts";
import { geometry, MovingPlans } from "./world.ts";

const atA = { site: "a", name: "web" };
const atB = { site: "b", name: "web" };

describe("two sites that are both up, and the link between them cut during a failover", () => {
  let world: MovingPlans;
  let folder: string;
  let here: string;
  let there: string;
  const cut = () => writeFile(join(folder, "cut"), "");
  const mend = () => rm(join(folder, "cut"));
  const status = async (site: string) => vmNamed(await world.objects(site), "web").vm.status;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "smtx-backup-cut-"));
    const preload = `--import=${new URL("./cut-link.ts", import.meta.url).href}`;
    world = await MovingPlans.of(["a", "b"], {
      ...process.env,
      CUT_LINK: join(folder, "cut"),
      NODE_OPTIONS: preload,
    });
    await createObjects(world.local, "a", [
      { kind: "vm", name: "web", memory: "1GiB", disks: [{ size: "8MiB", geometry }] },
    ]);
    await world.write(atA, 50);
    await world.does("object", "power-on", "web", "--site", "a");
    await world.local.refreshed("a");
    await world.local.createPlan({ name: "web", objects: [{ kind: "vm", name: "web" }] } as never);
    await world.backUp("web");
  });
  after(async () => {
    await world?.local.remove();
    await rm(folder, { recursive: true, force: true });
  });

  test("halt a planned one where its last difference can't travel, and its machine goes on at home", async () => {
    await cut();
    await world.says("failover", "web", "--to", "b", "--planned", "--yes");
    await world.comesTo("sending", "web");
    assert.equal(await status("a"), "STOPPED");
    await world.does("failover", "undo", "web", "--wait", "--yes");
    await world.comesTo("undone", "web");
    assert.equal(await status("a"), "RUNNING");
    assert.deepEqual(await world.names("b"), []);
  });

  test("have an unplanned one say before that the old site answers, and after that machines run twice", async () => {
    const preview = await world.says("failover", "web", "--to", "b");
    assert.match(preview.stdout + preview.stderr, /SOURCE_ANSWERS/);
    await world.does("failover", "web", "--to", "b", "--wait", "--yes");
    assert.equal(await status("b"), "RUNNING");
    assert.equal(await status("a"), "RUNNING");
    await world.local.refreshed("a");
    await until(
      "the warning",
      async () => /RUNS_TWICE/.test((await world.says("failover", "show", "web")).stdout),
      200,
    );
    const said = await world.says("status");
    assert.match(said.stdout, /RUNS_TWICE/);
  });

  test("keep what is written at either: nothing at the old site is overwritten while it is cut, or after", async () => {
    await world.write(atA, 20, 1);
    await world.write(atB, 20, 2);
    here = await world.sha256(atA);
    there = await world.sha256(atB);
    await world.says("failback", "web", "--yes");
    await world.comesTo("sending-back", "web");
    assert.deepEqual([await world.sha256(atA), await world.sha256(atB)], [here, there]);
    await mend();
    const failover = await world.comesTo("home", "web");
    assert.deepEqual(
      failover.diverged?.map(({ name }) => name),
      ["web"],
    );
    assert.equal(await world.sha256(atA), here);
    assert.equal(await world.sha256({ site: "a", name: "failback-web" }), there);
    assert.match((await world.says("failover", "show", "web")).stdout, /web/);
  });
});
