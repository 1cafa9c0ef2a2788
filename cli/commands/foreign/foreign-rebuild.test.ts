import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { groupIdOf, restoreIdOf, runIdSchema } from "../../../core/api/ids.ts";
import { groupId, owner, readVolume } from "../../../gateway/storage/conformance/fixtures.ts";
import { bytesIn, isMirror } from "../../../gateway/storage/conformance/objects.ts";
import type { StorageDriver } from "../../../gateway/storage/driver.ts";
import { type ForeignHost, foreignHost, planObjects } from "./testing-foreign.ts";

const ordinary = async (storage: StorageDriver) => (await storage.inventory()).filter((object) => !isMirror(object));
const names = async ({ withStorage }: Pick<ForeignHost, "withStorage">) =>
  withStorage(async (storage) => (await ordinary(storage)).map(({ kind, name }) => `${kind} ${name}`).sort());

const all = ["lun database", "vm web", "volume web-0", "volume web-2"];

/** That each rebuilt volume has the bytes of a group. */
const assertBytes = async (storage: StorageDriver, group: number) => {
  const objects = await ordinary(storage);
  let compared = 0;
  for (const source of planObjects) {
    const rebuilt = objects.find(({ kind, name }) => kind === source.kind && name === source.name);
    for (const [n, { id }] of source.volumes.entries()) {
      const bytes = await readVolume(storage, rebuilt?.volumes[n]?.id ?? "");
      assert.ok(bytes.equals(bytesIn(group, id)), `${source.name}, volume ${n}`);
      compared++;
    }
  }
  assert.equal(compared, 3);
};

describe("foreign-plan rebuild", () => {
  test("makes the newest group's objects under their own names, equal, while the gateway has the store open", async (t) => {
    const host = await foreignHost(t);
    await host.withStorage(async (storage) => {
      const { exitCode, json, stderr } = await host.foreignPlan("rebuild daily --json");
      assert.equal(exitCode, 0, stderr);
      const { restoreId, groupId: from, siteId, manifest, objects } = json();
      assert.deepEqual([from, siteId, manifest.state], [groupId(3), "b", "signed"]);
      assert.deepEqual(
        objects.map(({ name, made }: { name: string; made: { name: string } }) => [name, made.name]),
        [
          ["database", "database"],
          ["web", "web"],
        ],
      );
      assert.deepEqual(await names({ withStorage: (use) => use(storage) }), all);
      await assertBytes(storage, 3);
      const vm = (await ordinary(storage)).find(({ kind }) => kind === "vm");
      assert.ok(vm?.kind === "vm");
      assert.deepEqual([vm.vm.status, vm.vm.nics[0]?.virtualSwitch], ["STOPPED", "dr-prod"]);
      // So a control plane that comes knows what stands for what.
      const keys = [groupIdOf(runIdSchema.parse(restoreId))];
      const made = await storage.standIns({ owner, keys });
      assert.deepEqual(
        made.map(({ home }) => home),
        planObjects,
      );
    });
  });

  test("lists all names that are taken, and makes nothing", async (t) => {
    const host = await foreignHost(t);
    assert.equal((await host.foreignPlan("rebuild daily --object web --prefix x-")).exitCode, 0);
    await host.withStorage((storage) => storage.createVolume({ name: "database", kind: "volume", sizeBytes: 4096 }));
    await host.withStorage((storage) => storage.createVolume({ name: "web-2", kind: "volume", sizeBytes: 4096 }));
    const before = await names(host);
    const { exitCode, stderr } = await host.foreignPlan("rebuild daily");
    assert.equal(exitCode, 2);
    assert.match(stderr, /volume “database” .*volume “web-2” .*Nothing was rebuilt\. \(OBJECT_NAME_TAKEN\)/);
    assert.match(stderr, /hint: .*--prefix TEXT or --rename OLD=NEW.*object delete ID --site b --store /);
    assert.deepEqual(await names(host), before);
    const renamed = await host.foreignPlan("rebuild daily --rename database=db2 web=web2");
    assert.equal(renamed.exitCode, 0, renamed.stderr);
  });

  test("goes on with what was interrupted, by the id that it told, and makes nothing twice", async (t) => {
    const host = await foreignHost(t);
    const first = await host.foreignPlan("rebuild daily --object web");
    assert.equal(first.exitCode, 0, first.stderr);
    const [restoreId = ""] = /restore_\w+/.exec(first.stderr) ?? [];
    const again = await host.foreignPlan(`rebuild daily --json --restore ${restoreId}`);
    assert.equal(again.exitCode, 0, again.stderr);
    assert.equal(again.json().restoreId, restoreId);
    assert.deepEqual(JSON.parse(again.stderr), {
      warning: { message: `If it is interrupted, go on with --restore ${restoreId}` },
    });
    assert.deepEqual(await names(host), all);
    const without = await host.foreignPlan("rebuild daily --json");
    assert.match(without.stderr, /OBJECT_NAME_TAKEN/);
    const otherPlan = restoreId.replace("FAV_", "FAW_");
    for (const wrong of [otherPlan, restoreId.replace("restore_", "run_")]) {
      const { exitCode, stderr } = await host.foreignPlan(`rebuild daily --restore ${wrong}`);
      assert.equal(exitCode, 2);
      assert.match(stderr, /is no restore of plan_/);
    }
  });

  test("stops between two objects when it is told to, and says how to go on", async (t) => {
    const host = await foreignHost(t);
    const stopping = new AbortController();
    const stderr = { text: "", isTerminal: false, columns: 100, takeBack: () => undefined, write: () => undefined };
    const told = {
      ...stderr,
      write: (text: string) => {
        told.text += text;
        stopping.abort(new Error("stopped by SIGINT"));
      },
    };
    const { exitCode } = await host.foreignPlan("rebuild daily", { signal: stopping.signal, stderr: told });
    assert.equal(exitCode, 130);
    assert.match(told.text, /go on with --restore restore_/);
    assert.deepEqual(await names(host), []);
  });

  test("takes the wishes of a rebuild: addresses kept, NICs connected elsewhere or not, pool, power", async (t) => {
    const host = await foreignHost(t);
    await host.withStorage(async (storage) => {
      await storage.administration?.createObjects([
        { kind: "pool", name: "fast" },
        { kind: "switch", name: "test" },
      ]);
    });
    const web = async (words: string) => {
      const { exitCode, stderr } = await host.foreignPlan(`rebuild daily --object web ${words}`);
      assert.equal(exitCode, 0, stderr);
      const found = await host.withStorage(ordinary);
      const vm = found.find(({ kind, name }) => kind === "vm" && name === /web=(\w+)|$/.exec(words)?.[1]);
      assert.ok(vm?.kind === "vm");
      return vm.vm;
    };
    const kept = await web("--rename web=kept --keep-macs --power-on --pool fast");
    assert.deepEqual(
      [kept.status, kept.nics.map(({ macAddress }) => macAddress)],
      ["RUNNING", ["52:54:00:00:00:01", "52:54:00:00:00:02"]],
    );
    const off = await web("--rename web=off --keep-macs --disconnect-nics");
    assert.deepEqual(
      off.nics.map(({ virtualSwitch }) => virtualSwitch),
      [null, null],
    );
    const other = await web("--rename web=other --switch prod=test");
    assert.equal(other.nics[0]?.virtualSwitch, "test");
    for (const [words, code] of [
      ["--rename web=second --keep-macs", "MAC_ADDRESS_TAKEN"],
      ["--rename web=second --pool slow", "POOL_UNKNOWN"],
      ["--rename web=second --switch prod=nowhere", "SWITCH_UNKNOWN"],
      ["--object nothing", "OBJECT_UNKNOWN"],
    ] as const) {
      const before = await names(host);
      const refused = await host.foreignPlan(`rebuild daily --object web ${words}`);
      assert.match(refused.stderr, new RegExp(`\\(${code}\\)`));
      assert.deepEqual(await names(host), before);
    }
  });

  test("says when a LUN has another LUN id than it had, because that is taken", async (t) => {
    const host = await foreignHost(t);
    assert.doesNotMatch((await host.foreignPlan("rebuild daily --object database")).stderr, /LUN id/);
    const second = await host.foreignPlan("rebuild daily --object database --prefix second-");
    assert.match(second.stderr, /warning: “second-database” has the LUN id \d+: 7 is taken in the target iscsi/);
  });

  test("names what could not be made, and makes the rest", async (t) => {
    const host = await foreignHost(t);
    const restoreId = restoreIdOf(owner.planId, "2026-03-02T00:00:00.000Z" as never);
    const made = await host.foreignPlan(`rebuild daily --object web --json --restore ${restoreId}`);
    const [{ made: web }] = made.json().objects;
    await host.withStorage((storage) =>
      storage.deleteRebuilt({ key: groupIdOf(restoreId), owner, object: { kind: "vm", id: web.id } }),
    );
    const { exitCode, json } = await host.foreignPlan(`rebuild daily --json --restore ${restoreId}`);
    assert.equal(exitCode, 1);
    const [database, again] = json().objects;
    assert.deepEqual([database.made.name, again.made, again.error.code], ["database", null, "VOLUME_UNKNOWN"]);
  });

  test("of what is damaged in the group is refused before anything is made, unless asked for", async (t) => {
    const host = await foreignHost(t);
    host.tamper(`INSERT INTO damagedVersions SELECT versionId FROM extents JOIN snapshots s USING (tableId)
      WHERE s.groupId = '${groupId(3)}' AND s.sourceVolumeId LIKE '%d3' LIMIT 1`);
    const refused = await host.foreignPlan("rebuild daily");
    assert.equal(refused.exitCode, 1);
    assert.match(refused.stderr, /\(GROUP_DAMAGED\)\n {2}hint: .*--damaged.*foreign-plan show plan_/);
    assert.deepEqual(await names(host), []);
    assert.match((await host.foreignPlan("show daily")).stdout, /1 extent +signed/);
    assert.equal((await host.foreignPlan("rebuild daily --object database")).exitCode, 0);
    assert.equal((await host.foreignPlan("rebuild daily --object web --damaged")).exitCode, 0);
  });
});
