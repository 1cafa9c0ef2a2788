import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { answerOf } from "../../cli/context/client.ts";
import type { RunAnswer } from "../../core/api/answers.ts";
import { VisibleError } from "../../core/api/errors.ts";
import { stagedIdsOf } from "../../core/api/ids.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import { writePattern } from "../../infra/local/demo/image.ts";
import { until } from "../patience.ts";
import { Local } from "./local.ts";
import { clusterA, createObjects, fill, isMirror, isVm, type Sums, sumsNow, withoutPrefix } from "./scenario.ts";

const sites = ["a", "b", "c"];
const KiB = 1024;
const MiB = 1024 ** 2;

const clone = (local: Local, groupId: string, ...options: readonly string[]) =>
  local.command<RunAnswer>("clone", groupId, "--to", "c", ...options);

/** Whatever of a restore is at a site, but for what was made by it. */
const stagedAt = async (local: Local, site: string, runs: readonly string[]): Promise<readonly unknown[]> => {
  const owners = runs.map((run) => ({ planId: stagedIdsOf(run as never).planId, source: "a" as never }));
  const mirrors = (await local.inventory(site)).filter(
    ({ origin }) => origin?.role === "mirror" && owners.some(({ planId }) => planId === origin.planId),
  );
  const groups = await local.onStorage(site, (storage) =>
    Promise.all(owners.map((owner) => storage.listGroups(owner))),
  );
  return [...mirrors, ...groups.flat()];
};

const nothingIsStaged = (local: Local, site: string, runs: readonly string[]): Promise<void> =>
  until(
    `nothing of ${runs.join(", ")} to be left at ${site}`,
    async () => (await stagedAt(local, site, runs)).length === 0,
  );

describe("a clone of objects of every kind to a site that has nothing of the plan", () => {
  let local: Local;
  let group: string;
  let sums: Sums;
  let objects: readonly ObjectConfig[];

  before(async () => {
    local = await Local.create();
    await local.start({ sites });
    await createObjects(local, "a", clusterA);
    await createObjects(local, "b", [
      { kind: "switch", name: "dr-prod" },
      { kind: "switch", name: "dr-san" },
    ]);
    await createObjects(local, "c", [{ kind: "switch", name: "lan" }]);
    for (const site of sites) await local.refreshed(site);
    const isIn = (object: ObjectConfig) => object.kind !== "volume" || object.name === "loose";
    objects = (await local.inventory("a")).filter((object) => isIn(object) && !isMirror(object));
    await fill(local, "a", objects);
    sums = await sumsNow(local, "a", objects);
    await local.command("site", "map", "a", "--to", "b", "prod=dr-prod", "san=dr-san");
    await local.command("site", "map", "a", "--to", "c", "prod=lan");
    await writeFile(
      join(local.dir, "plan.yaml"),
      JSON.stringify({
        ...{ name: "everything", source: "a", targets: [{ site: "b", retention: { keepLast: 3 } }] },
        objects: [
          ...[
            { kind: "vm", name: "web" },
            { kind: "vm", name: "db" },
            { kind: "lun", name: "oracle" },
          ],
          ...[
            { kind: "nfs-file", directory: "/exports/e1" },
            { kind: "volume", name: "loose" },
          ],
        ],
      }),
    );
    await local.command("plan", "create", "-f", join(local.dir, "plan.yaml"));
    group = (await local.ended(await local.runPlan("everything"))).groupId;
    // What is written later is not in it.
    await fill(local, "a", objects);
  });
  after(() => local.remove());

  /** What a restore has made at site c. */
  const madeBy = async (prefix: string): Promise<readonly ObjectConfig[]> => {
    const isMade = (object: ObjectConfig) =>
      object.origin?.role === "rebuilt" && withoutPrefix(object, prefix).name !== object.name;
    const made = (await local.inventory("c")).filter(
      (object) => isMade(object) || (object.kind === "nfs-file" && object.file.path.includes(prefix)),
    );
    const ofVms = new Set(made.filter(isVm).flatMap(({ volumes }) => volumes.map(({ id }) => id)));
    return made.filter(({ kind, volumes }) => kind !== "volume" || !volumes.some(({ id }) => ofVms.has(id)));
  };

  for (const [from, prefix] of [
    ["b", "from-b-"],
    ["a", "from-a-"],
  ] as const) {
    test(`from ${from} has the group's bytes, its place and its networks, and leaves nothing else`, async () => {
      const run = await clone(local, group, "--from", from, "--prefix", prefix, "--wait");
      assert.equal(run.status, "succeeded", JSON.stringify(run));
      assert.deepEqual([run.kind, run.sender, run.targets[0]?.base?.why], ["clone", from, "nothing-there"]);
      const made = await madeBy(prefix);
      assert.equal(made.length, objects.length);
      assert.deepEqual(
        await sumsNow(
          local,
          "c",
          made.map((object) => withoutPrefix(object, prefix)),
        ),
        sums,
      );
      for (const { origin } of made) assert.equal(origin?.role, "rebuilt");
      const vm = made.filter(isVm).find(({ name }) => name === `${prefix}web`) ?? assert.fail("it has no VM");
      assert.deepEqual(
        vm.vm.nics.map(({ virtualSwitch }) => virtualSwitch),
        ["lan", null],
      );
      const unconnected = run.warnings?.filter(({ code }) => code === "SWITCH_UNMAPPED") ?? [];
      assert.match(unconnected[0]?.message ?? "", /“san”/);
      await nothingIsStaged(local, "c", [run.id]);
      assert.equal((await local.inventory("c")).some(isMirror), false);
    });
  }

  test("of names that are taken is refused before anything is sent", async () => {
    const before = await local.history("everything");
    await assert.rejects(clone(local, group, "--from", "b", "--prefix", "from-b-"), (error) =>
      VisibleError.is(error, "OBJECT_NAME_TAKEN"),
    );
    assert.equal((await local.history("everything")).items.length, before.items.length);
  });
});

describe("a clone to a site that has something of the plan", () => {
  let local: Local;
  let volumeId: string;
  const geometry = { extentBytes: MiB, stripeCount: 1, stripeBytes: MiB };
  const pages = 300;
  const pageBytes = 4 * KiB;

  before(async () => {
    local = await Local.create();
    await local.start({ sites });
    await writePattern(join(local.dir, "disk.img"), 64 * MiB, 1);
    ({ volumeId } = await local.importImage("a", join(local.dir, "disk.img"), { name: "db1", geometry }));
    const targets = (names: readonly string[]) => names.map((site) => ({ site, retention: { keepLast: 1 } }));
    await local.createPlan({
      name: "db",
      targets: targets(["b", "c"]) as never,
      objects: [{ kind: "lun", name: "db1" }],
    });
    await local.ended(await local.runPlan("db"));
    const { plan } = await local
      .command<{ plan: object }>("plan", "show", "db")
      .then((shown) => ({ plan: shown as object }));
    assert(plan);
    await writeFile(
      join(local.dir, "plan.yaml"),
      JSON.stringify({ name: "db", source: "a", targets: targets(["b"]), objects: [{ kind: "lun", name: "db1" }] }),
    );
    await local.command("plan", "update", "db", "-f", join(local.dir, "plan.yaml"));
  });
  after(() => local.remove());

  /** Writes small pages all over the volume. */
  const writePages = () =>
    local.onStorage("a", async (storage) => {
      const volume = await storage.openVolume(volumeId, "write");
      for (let page = 0; page < pages; page += 1) {
        const at = Math.floor((page * 64 * MiB) / pages / pageBytes) * pageBytes;
        await volume.write(at, randomBytes(pageBytes));
      }
      await volume.flush();
      await volume.close();
    });

  const bytesOf = async (site: string, name: string): Promise<string> => {
    const object = (await local.inventory(site)).find((one) => one.name === name);
    assert(object?.volumes[0], `${site} has no ${name}`);
    return (await local.exportImage(site, join(local.dir, "out.img"), { volumeId: object.volumes[0].id })).sha256;
  };

  const sentBy = (run: RunAnswer): number => run.targets[0]?.progress.bytesSent ?? Number.NaN;
  const mayBeSent = pages * pageBytes * 1.05 + MiB;

  test("sends what differs from the restore point that it has, which its sender has not any more", async () => {
    await writePages();
    // Retention at b keeps one, so the restore point that c has is at c alone.
    const { groupId } = await local.ended(await local.runPlan("db"));
    const now = await bytesOf("a", "db1");
    const run = await clone(local, groupId, "--from", "b", "--prefix", "seed-", "--wait");
    assert.deepEqual([run.status, run.targets[0]?.base?.why], ["succeeded", "seed"], JSON.stringify(run));
    assert.equal(await bytesOf("c", "seed-db1"), now);
    assert(sentBy(run) <= mayBeSent, `${sentBy(run)} bytes were sent`);
    await nothingIsStaged(local, "c", [run.id]);
  });

  test("sends nothing when it has the very group", async () => {
    const groups = await answerOf(
      local.api.v1.plans[":plan"].groups.$get({ param: { plan: "db" }, query: { site: "c" } }),
    );
    const [only] = groups.items;
    assert(only !== undefined);
    const run = await clone(local, only.id, "--prefix", "own-", "--wait");
    assert.deepEqual([run.status, run.sender], ["succeeded", undefined], JSON.stringify(run));
  });
});

describe("a clone that is struck in the middle", () => {
  let local: Local;
  let groupId: string;
  const geometry = { extentBytes: MiB, stripeCount: 1, stripeBytes: MiB };
  const imageBytes = 48 * MiB;
  let sha256: string;

  before(async () => {
    local = await Local.create();
    await local.start({ sites });
    const image = join(local.dir, "disk.img");
    await writePattern(image, imageBytes, 1);
    await local.importImage("a", image, { name: "db1", geometry });
    await local.createPlan({ name: "db", objects: [{ kind: "lun", name: "db1" }] });
    ({ groupId } = await local.ended(await local.runPlan("db")));
    const [snapshot] = await local.snapshotsOf("a", groupId);
    assert(snapshot);
    ({ sha256 } = await local.exportImage("a", join(local.dir, "a.img"), { snapshotId: snapshot.snapshotId }));
    const limits = [{ target: "c", bytesPerSecond: 3 * MiB }];
    await answerOf(local.api.v1.sites[":site"].limits.$put({ param: { site: "b" }, json: { limits } as never }));
    await until("the gateway to take the limit", async () =>
      (await local.gatewayLog("b")).some(({ msg, version }) => msg === "settings taken" && version === 1),
    );
  });
  after(() => local.remove());

  const committed = async (run: string): Promise<number> => {
    const log = await local.gatewayLog("c");
    const { groupId: staged } = stagedIdsOf(run as never);
    const began = log.filter((line) => line["msg"] === "a transfer began" && line["groupId"] === staged);
    const mirrors = new Set(began.map((line) => line["mirror"]));
    return log.filter((line) => line["msg"] === "an extent was committed" && mirrors.has(line["mirror"])).length;
  };

  const begin = async (prefix: string): Promise<string> => {
    const { id } = await clone(local, groupId, "--from", "b", "--prefix", prefix);
    await until("some extents to be there", async () => (await committed(id)) >= 4);
    return id;
  };

  for (const [what, site] of [
    ["sending", "b"],
    ["receiving", "c"],
  ] as const) {
    test(`by the death of the ${what} gateway goes on where it was, and is equal`, async () => {
      const id = await begin(`${what}-`);
      await local.killGateway(site);
      const run = await local.ended(id);
      assert.equal(run.status, "succeeded", JSON.stringify(run));
      const extents = imageBytes / geometry.extentBytes;
      // The receiver's log may lack those that were in flight.
      const sent = await committed(id);
      assert(sent <= extents + 4, `${sent} extents were committed, of ${extents}`);
      const made = (await local.inventory("c")).find(({ name }) => name === `${what}-db1`);
      assert(made?.volumes[0]);
      const out = await local.exportImage("c", join(local.dir, "c.img"), { volumeId: made.volumes[0].id });
      assert.equal(out.sha256, sha256);
      await nothingIsStaged(local, "c", [id]);
    });
  }

  test("by a person who cancels it leaves nothing, also where the receiver is dead at that time", async () => {
    const id = await begin("never-");
    await local.killGateway("c");
    await local.command("run", "cancel", id);
    assert.equal((await local.ended(id)).status, "cancelled");
    await nothingIsStaged(local, "c", [id]);
    assert.equal(
      (await local.inventory("c")).some(({ name }) => name.startsWith("never-")),
      false,
    );
    const groups = await answerOf(
      local.api.v1.plans[":plan"].groups.$get({ param: { plan: "db" }, query: { site: "b" } }),
    );
    assert.deepEqual(groups.items[0]?.holds, []);
  });
});
