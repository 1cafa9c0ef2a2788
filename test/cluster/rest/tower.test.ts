import assert from "node:assert/strict";
import { get } from "node:https";
import { type TestContext, test } from "node:test";
import { PlainClient } from "../stand-in/plain-client.ts";
import { ClusterStandIn } from "../stand-in/stand-in.ts";
import type { FakeFault } from "./faults.ts";
import { FakeTower } from "./tower.ts";

const opened = async (context: TestContext) => {
  const standIn = await ClusterStandIn.open();
  context.after(async () => {
    await standIn.close();
    assert.deepEqual(standIn.tower.breaches, []);
  });
  const client = new PlainClient(standIn.tower);
  const target = {
    ...{ name: "ours", cluster_id: standIn.cluster.id, replica_num: 2, thin_provision: true },
    ...{ stripe_num: 1, stripe_size: 256, stripe_size_unit: "KB" },
  };
  const create = () => client.call("create-iscsi-target", [target]);
  const taskOf = ({ answer }: { readonly answer: unknown }): string =>
    (answer as readonly { task_id: string }[])[0]?.task_id ?? assert.fail("there is no task");
  return { ...{ standIn, tower: standIn.tower, client, create, taskOf } };
};

test("a task that fails leaves nothing behind", async (context) => {
  const { tower, client, create, taskOf } = await opened(context);
  const fate = { kind: "fails", code: "NO_SPACE", message: "there is no space" } as const;
  tower.faults.add("create-iscsi-target", { kind: "task", fate });
  await assert.rejects(client.ended(taskOf(await create())), /there is no space/);
  assert.deepEqual(await client.get("get-iscsi-targets"), []);
});

test("a slow task moves each time that it is asked after; one that hangs never does", async (context) => {
  const { standIn, tower, client, create, taskOf } = await opened(context);
  tower.faults.add("create-iscsi-target", { kind: "task", fate: { kind: "slow", polls: 4 } });
  tower.faults.add("create-iscsi-target", { kind: "task", fate: { kind: "hangs", isDone: true } });
  const [slow, hanging] = [taskOf(await create()), taskOf(await create())];
  const seen: number[] = [];
  for (let poll = 0; poll < 4; poll++) {
    const [task] = await client.get<{ progress: number; status: string }>("get-tasks", { id: slow });
    if (task?.status === "EXECUTING") seen.push(task.progress);
  }
  assert.deepEqual(seen.slice(0, 3), [0.25, 0.5, 0.75]);
  await client.ended(slow);
  const [task] = await client.get<{ progress: number; status: string }>("get-tasks", { id: hanging });
  assert.deepEqual([task?.status, task?.progress], ["EXECUTING", 0]);
  await standIn.settled();
  assert.deepEqual(
    (await client.get<{ entityAsyncStatus: string | null }>("get-iscsi-targets")).map((one) => one.entityAsyncStatus),
    [null, null],
  );
});

test("what is locked, forbidden or failing is said with its status, and made when it is asked for again", async (context) => {
  const { tower, client, create } = await opened(context);
  const faults: readonly (readonly [FakeFault, number])[] = [
    [{ kind: "locked" }, 400],
    [{ kind: "unauthorized" }, 401],
    [{ kind: "forbidden" }, 403],
    [{ kind: "error", status: 502, message: "bad gateway" }, 502],
  ];
  for (const [fault, status] of faults) {
    tower.faults.add("create-iscsi-target", fault);
    const refused = await create();
    assert.equal(refused.status, status);
    if (fault.kind === "locked") assert.equal(Reflect.get(refused.answer as object, "code"), "ResourceLocked");
  }
  assert.deepEqual(await client.get("get-iscsi-targets"), []);
  assert.equal((await create()).status, 200);
});

test("an answer is lost before a change or after it, and making again makes two", async (context) => {
  const { tower, client, create } = await opened(context);
  tower.faults.add("create-iscsi-target", { kind: "lost-answer", isDone: false });
  await assert.rejects(create());
  assert.equal((await client.get("get-iscsi-targets")).length, 0);
  tower.faults.add("create-iscsi-target", { kind: "lost-answer", isDone: true });
  await assert.rejects(create());
  await create();
  assert.equal((await client.get("get-iscsi-targets", { name: "ours" })).length, 2);
});

test("a token that has expired is known no more, and nobody answers while it is stopped", async (context) => {
  const { tower, client } = await opened(context);
  await client.get("get-clusters");
  tower.expireTokens();
  assert.equal((await client.call("get-clusters", {})).status, 401);
  await tower.stop();
  await assert.rejects(client.call("get-clusters", {}));
  await tower.resume();
  assert.equal((await client.call("get-clusters", {})).status, 401);
});

test("queries filter by what things refer to, and go page by page", async (context) => {
  const { standIn, client } = await opened(context);
  const { customer, administration } = standIn;
  for (const name of ["c", "a", "b"]) {
    const { id } = await customer.createVolume({ name, kind: "lun", sizeBytes: 2 ** 18 });
    administration.setLabels(id, { tier: name === "a" ? "gold" : "tin" });
  }
  const names = async (body: object) => {
    const { answer } = await client.call("get-iscsi-luns", body);
    return (answer as readonly { name: string; id: string }[]).map(({ name }) => name);
  };
  assert.deepEqual(await names({ orderBy: "name_ASC", first: 2 }), ["a", "b"]);
  assert.deepEqual(await names({ orderBy: "name_DESC", skip: 1 }), ["b", "a"]);
  assert.deepEqual(await names({ where: { labels_some: { key: "tier", value: "gold" } } }), ["a"]);
  assert.deepEqual(await names({ where: { name_not_in: ["a"], iscsi_target: { name: "default" } } }), ["c", "b"]);
  assert.deepEqual(await names({ where: { OR: [{ name: "a" }, { name_starts_with: "c" }] } }), ["c", "a"]);
  const { answer } = await client.call("get-iscsi-luns", { orderBy: "name_ASC" });
  const [first] = answer as readonly { id: string }[];
  assert.deepEqual(await names({ orderBy: "name_ASC", after: first?.id, first: 1 }), ["b"]);
});

test("it is asked by TLS where that is wanted, by who trusts its authority", async (context) => {
  const tower = await FakeTower.start({ isSecure: true });
  context.after(() => tower.stop());
  const ask = (ca?: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      const asked = get(`${tower.url}/v2/api/get-version`, { ca }, (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      });
      asked.on("error", reject);
    });
  assert.equal(await ask(tower.ca), 200);
  await assert.rejects(ask(), /certificate/);
});

test("what takes any request takes the next one, whichever it is", async (context) => {
  const { tower, client } = await opened(context);
  await client.get("get-clusters");
  tower.faults.add("*", { kind: "forbidden" });
  assert.equal((await client.call("get-hosts", {})).status, 403);
  assert.equal((await client.get("get-hosts")).length, 2);
});
