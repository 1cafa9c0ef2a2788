import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { CloudTower } from "../cloud-tower/client.ts";
import type { SshRunner } from "../ssh/runner.ts";
import { snapshotsTogether } from "./snapshots-together.ts";

/** A node that takes each snapshot, and tells how many it took at once. */
const fakeNode = () => {
  const taken: number[] = [];
  const run = async ({ words }: { readonly words: readonly string[] }) => {
    if (words.includes("list_by_id")) return "[]";
    const names = words.slice(5).filter((_, at) => at % 2 === 1);
    taken.push(names.length);
    return JSON.stringify(names.map((name) => ({ name, id: `of ${name}` })));
  };
  return { taken, ssh: { run } as unknown as SshRunner };
};

const take = (count: number, areStill: boolean) => {
  const { taken, ssh } = fakeNode();
  const tower = { all: async () => [] } as unknown as CloudTower;
  const members = Array.from({ length: count }, (_, n) => ({ zbsVolumeId: `volume-${n}`, lun: undefined }));
  const of = { tower, ssh, clusterId: "c", initiatorName: "iqn.us", chap: undefined, replicas: 2 };
  const wish = { name: "group", members, isNew: true, areStill, groupsTakeVolumes: "unknown" } as const;
  return { taken, done: snapshotsTogether(of, wish, {}) };
};

describe("more volumes than a command line takes", () => {
  test("are taken in turn where nobody writes them", async () => {
    const { taken, done } = take(1201, true);
    assert.deepEqual([(await done).taken.size, taken], [1201, [500, 500, 201]]);
  });

  test("are refused where they have to be of one instant", async () => {
    const { taken, done } = take(501, false);
    await assert.rejects(done, { code: "BAD_REQUEST" });
    assert.deepEqual(taken, []);
  });
});
