import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ErrorBody, PlanAnswer } from "../../core/api/answers.ts";
import type { FailoverAnswer } from "../../core/api/failover/answer.ts";
import type { FailoverPreview } from "../../core/api/failover/preview.ts";
import type { Group } from "../../core/api/group.ts";
import type { Run } from "../../core/api/run.ts";
import type { StatusAnswer } from "../../core/api/status.ts";
import type { RunTask } from "../../core/api/task.ts";
import {
  createNightlyPlan,
  createTestApi,
  objectNamed,
  reportAlive,
  siteA,
  siteB,
  type TestApi,
  vmNamed,
} from "../api/testing.ts";
import { complete, groupsOn, report, takeTasks, workAt } from "../api/testing-gateway.ts";
import type { Page } from "../documents/page.ts";
import { handleSweep } from "../sweep.ts";

/** A plan from a to b with one restore point. */
const withPlan = async () => {
  const api = await createTestApi();
  await createNightlyPlan(api);
  for (const site of ["a", "b"]) await reportAlive(api, site);
  await api.send("POST", "/v1/plans/nightly/run");
  await workAt(api, [siteA, siteB]);
  api.pass(3600);
  for (const site of ["a", "b"]) await reportAlive(api, site);
  return api;
};

const begin = async (api: TestApi, more: object = {}) => {
  const wish = { plan: "nightly", to: "b", kind: "unplanned", ...more };
  const preview = await api.send<FailoverPreview>("POST", "/v1/failover-previews", wish);
  assert.equal(preview.status, 200, JSON.stringify(preview.body));
  const { confirmation } = preview.body;
  const begun = await api.send<FailoverAnswer>("POST", "/v1/failovers", { wish, confirmation });
  assert.equal(begun.status, 201, JSON.stringify(begun.body));
  return { preview: preview.body, failover: begun.body };
};

const work = (api: TestApi) => workAt(api, [siteA, siteB]);

/** Does all that there is to do, but for tasks that are answered otherwise. */
const workBut = async (api: TestApi, answer: (task: RunTask) => object | undefined): Promise<readonly RunTask[]> => {
  const all: RunTask[] = [];
  for (let round = 0; round < 100; round += 1) {
    const tasks = [siteA, siteB].flatMap((site) => takeTasks(api, site));
    if (tasks.length === 0) return all;
    for (const task of tasks) {
      const said = answer(task);
      await (said === undefined ? complete(api, task) : report(api, task, said));
      all.push(task);
    }
  }
  return assert.fail("there is always more to do");
};

/** A comparison at a site finds that the object with this name has changed. */
const changedAt =
  (site: string, name: string) =>
  (task: RunTask): object | undefined => {
    if (task.kind !== "order" || task.order.type !== "compare" || task.siteId !== site) return undefined;
    if (task.order.object.name !== name) return undefined;
    const order = { type: "compare", power: "none", extents: 3 };
    return { kind: "completed", result: { kind: "order", order } };
  };
const look = async (api: TestApi, { id }: FailoverAnswer) =>
  (await api.send<FailoverAnswer>("GET", `/v1/failovers/${id}`)).body;
const say = async (api: TestApi, { id }: FailoverAnswer, command: string, discardChanges = false) => {
  const answer = await api.send<FailoverAnswer & ErrorBody>("POST", `/v1/failovers/${id}/${command}`, {
    discardChanges,
  });
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return answer.body;
};
const plan = async (api: TestApi) => (await api.send<PlanAnswer>("GET", "/v1/plans/nightly")).body;

describe("an unplanned failover", () => {
  test("is previewed with the age of each object, and then brings the plan there", async () => {
    const api = await withPlan();
    const { preview, failover } = await begin(api);
    assert.deepEqual(
      preview.objects.map(({ name, rebuilt }) => [name, rebuilt]),
      [
        ["db", true],
        ["web", true],
      ],
    );
    assert.deepEqual(
      preview.notes.map(({ code }) => code),
      ["SOURCE_ANSWERS"],
    );
    await work(api);
    const done = await look(api, failover);
    assert.equal(done.state, "failed-over", JSON.stringify(done, null, 1));
    assert.equal((await plan(api)).place?.siteId, "b");
    assert.equal((await plan(api)).moving, undefined);
    assert.deepEqual(api.errors, []);
  });
});

describe("a failover of what was rebuilt before", () => {
  test("takes that as it is, makes nothing, and removes it after the failback", async () => {
    const api = await withPlan();
    const { body: groups } = await api.send<Page<Group>>("GET", "/v1/plans/nightly/groups?site=b");
    const wish = { type: "rebuild", groupId: groups.items[0]?.id, siteId: "b", namePrefix: "" };
    const rebuilt = await api.send<Run>("POST", "/v1/restores", wish);
    await work(api);
    const { failover } = await begin(api, { madeBy: rebuilt.body.id });
    const tasks = await workBut(api, () => undefined);
    assert.deepEqual(
      tasks.filter(({ kind }) => kind === "rebuild"),
      [],
    );
    assert.deepEqual((await plan(api)).place?.standIns, [rebuilt.body.id]);
    await say(api, failover, "failback");
    await work(api);
    await say(api, failover, "continue");
    const back = await workBut(api, () => undefined);
    assert.equal((await look(api, failover)).state, "home");
    assert(back.some((task) => task.kind === "reclaim" && task.restored !== undefined && task.siteId === "b"));
    const strange = { plan: "nightly", to: "b", kind: "unplanned", madeBy: rebuilt.body.id.replace(/.Z$/, "9Z") };
    const preview = await api.send<FailoverPreview>("POST", "/v1/failover-previews", strange);
    assert(preview.body.notes.some(({ code }) => code === "MADE_ELSEWHERE"));
    const others = { ...strange, madeBy: strange.madeBy.replace(/_0*1_/, `_${"7".repeat(26)}_`) };
    assert.notEqual(others.madeBy, strange.madeBy);
    const refused = await api.send<ErrorBody>("POST", "/v1/failover-previews", others);
    assert.deepEqual([refused.status, refused.body.error.code], [400, "BAD_REQUEST"]);
  });
});

describe("a planned failover", () => {
  test("stops, waits for the users of what can't be switched off, sends, and brings the plan there", async () => {
    const api = await withPlan();
    const { preview, failover } = await begin(api, { kind: "planned" });
    assert.deepEqual(preview.notes, []);
    await work(api);
    const waiting = await look(api, failover);
    assert.equal(waiting.state, "confirming");
    assert.deepEqual(
      waiting.unstoppable?.map(({ name }) => name),
      ["db"],
    );
    assert.equal((await plan(api)).moving, failover.id);
    await say(api, failover, "continue");
    await work(api);
    const done = await look(api, failover);
    assert.equal(done.state, "failed-over", JSON.stringify(done, null, 1));
    assert.notEqual(done.group?.id, preview.group.id);
    assert.equal((await plan(api)).moving, undefined);
    assert.deepEqual(api.errors, []);
  });
});

describe("a failback", () => {
  test("brings the plan home, and removes what was made there", async () => {
    const api = await withPlan();
    const { failover } = await begin(api);
    await work(api);
    await say(api, failover, "failback");
    await work(api);
    assert.equal((await look(api, failover)).state, "confirming-back");
    await say(api, failover, "continue");
    await work(api);
    const done = await look(api, failover);
    assert.equal(done.state, "home", JSON.stringify(done, null, 1));
    assert.deepEqual(done.may, []);
    assert.equal((await plan(api)).place, undefined);
    assert.equal((await plan(api)).moving, undefined);
    assert.deepEqual(api.errors, []);
    const again = await begin(api);
    await work(api);
    assert.equal((await look(api, again.failover)).state, "failed-over");
  });
});

describe("an undone failover", () => {
  test("leaves everything as it was", async () => {
    const api = await withPlan();
    const { failover } = await begin(api, { kind: "planned" });
    await work(api);
    await say(api, failover, "undo");
    await work(api);
    assert.equal((await look(api, failover)).state, "undone");
    assert.equal((await plan(api)).moving, undefined);
    const other = await begin(api);
    await work(api);
    await say(api, other.failover, "undo");
    await work(api);
    const done = await look(api, other.failover);
    assert.equal(done.state, "undone", JSON.stringify(done, null, 1));
    assert.equal((await plan(api)).place, undefined);
    assert.deepEqual(api.errors, []);
  });
});

describe("a test of a failover", () => {
  test("goes by itself when its time is over, and does not move the plan", async () => {
    const api = await withPlan();
    const { failover } = await begin(api, { kind: "test", forSeconds: 3600 });
    await work(api);
    const testing = await look(api, failover);
    assert.equal(testing.state, "testing", JSON.stringify(testing, null, 1));
    assert.equal((await plan(api)).place, undefined);
    assert.equal((await plan(api)).moving, undefined);
    api.pass(3599);
    await handleSweep(api.deps);
    assert.equal((await look(api, failover)).state, "testing");
    api.pass(2);
    await handleSweep(api.deps);
    await work(api);
    assert.equal((await look(api, failover)).state, "removed");
    assert.deepEqual(api.errors, []);
  });
});

describe("whoever asks for a failover", () => {
  test("confirms what was previewed, and nothing else", async () => {
    const api = await withPlan();
    const wish = { plan: "nightly", to: "b", kind: "unplanned" };
    const { body } = await api.send<FailoverPreview>("POST", "/v1/failover-previews", wish);
    const { confirmation } = body;
    const before = await api.dump();
    const other = { ...wish, kind: "test" };
    const refused = await api.send("POST", "/v1/failovers", { wish: other, confirmation });
    assert.equal(refused.body.error.code, "PREVIEW_STALE");
    assert.equal(await api.dump(), before);
    await api.send("POST", "/v1/plans/nightly/run");
    await work(api);
    assert.equal((await api.send("POST", "/v1/failovers", { wish, confirmation })).body.error.code, "PREVIEW_STALE");
  });

  test("gets one, however many ask at once", async () => {
    const api = await withPlan();
    const wish = { plan: "nightly", to: "b", kind: "unplanned" };
    const { body } = await api.send<FailoverPreview>("POST", "/v1/failover-previews", wish);
    const asked = [1, 2, 3].map(() => api.send("POST", "/v1/failovers", { wish, confirmation: body.confirmation }));
    const statuses = (await Promise.all(asked)).map(({ status }) => status).sort();
    assert.deepEqual(statuses, [201, 409, 409]);
    await work(api);
    const { body: list } = await api.send<Page<FailoverAnswer>>("GET", "/v1/failovers?plan=nightly");
    assert.deepEqual(
      list.items.map(({ state }) => state),
      ["failed-over"],
    );
    const undone = await Promise.all([1, 2, 3].map(() => say(api, list.items[0] ?? assert.fail(), "undo")));
    assert.equal(new Set(undone.map(({ id }) => id)).size, 1);
    await work(api);
    assert.equal((await look(api, undone[0] ?? assert.fail())).state, "undone");
  });

  test("is refused what has no place then, and told what to do instead", async () => {
    const api = await withPlan();
    const { failover } = await begin(api);
    await work(api);
    const url = `/v1/failovers/${failover.id}`;
    const goOn = await api.send("POST", `${url}/continue`, {});
    assert.equal(goOn.body.error.code, "NOTHING_TO_CONTINUE");
    assert.match(goOn.body.error.hint ?? "", /smtx-backup failback nightly/);
    const second = await api.send("POST", "/v1/failover-previews", { plan: "nightly", to: "b", kind: "unplanned" });
    assert.equal(second.body.error.code, "FAILOVER_UNDER_WAY");
    const unknown = await api.send("POST", "/v1/failover-previews", { plan: "nightly", to: "a", kind: "unplanned" });
    assert.equal(unknown.body.error.code, "BAD_REQUEST");
  });
});

describe("a failback of what has changed at home", () => {
  const backHome = async (discardChanges: boolean) => {
    const api = await withPlan();
    const { failover } = await begin(api);
    await work(api);
    await say(api, failover, "failback", discardChanges);
    await work(api);
    await say(api, failover, "continue");
    const tasks = await workBut(api, changedAt("a", "db"));
    return { api, done: await look(api, failover), tasks };
  };

  test("does not overwrite it: it makes a new object beside it, which stands for it, and names it", async () => {
    const { api, done, tasks } = await backHome(false);
    assert.equal(done.state, "home", JSON.stringify(done, null, 1));
    assert.deepEqual(
      done.diverged?.map(({ name }) => name),
      ["db"],
    );
    const rolled = tasks.flatMap((task) => (task.kind === "rollback" ? task.objects.map(({ id }) => id) : []));
    assert.deepEqual(rolled, ["vm-web"]);
    const made = tasks.flatMap((task) => (task.kind === "rebuild" && task.siteId === "a" ? [task.name] : []));
    assert.deepEqual(made, ["failback-db"]);
    const { place } = await plan(api);
    assert.equal(place?.siteId, "a");
    assert.equal(place?.standIns.length, 1);
    assert.deepEqual(api.errors, []);
  });

  test("has home's own storage refuse to overwrite what has changed since", async () => {
    const { tasks, done } = await backHome(false);
    const rollbacks = tasks.flatMap((task) => (task.kind === "rollback" || task.kind === "check" ? [task] : []));
    assert(rollbacks.length > 0);
    for (const { unchangedSince, discardChanges, siteId } of rollbacks) {
      assert.deepEqual([unchangedSince, discardChanges, siteId], [done.group?.id, false, "a"]);
    }
    const removed = tasks.flatMap((task) => (task.kind === "reclaim" && task.restored ? [task.restored] : []));
    assert(removed.length > 0);
    for (const { unchangedSince } of removed) assert.equal(unchangedSince, done.backGroup?.id);
  });

  test("overwrites it where a person says so", async () => {
    const { api, done, tasks } = await backHome(true);
    assert.equal(done.state, "home");
    const rolled = tasks.flatMap((task) => (task.kind === "rollback" ? task.objects.map(({ id }) => id) : []));
    assert.deepEqual(rolled.toSorted(), ["lun-db", "vm-web"]);
    assert.equal((await plan(api)).place, undefined);
  });
});

describe("a site that was taken over", () => {
  test("gets nothing made at home by sending objects that are not the plan's", async () => {
    const api = await withPlan();
    const { failover } = await begin(api);
    await work(api);
    await say(api, failover, "failback");
    await work(api);
    await say(api, failover, "continue");
    const implant = { ...objectNamed("implant"), name: "implant" };
    const takenAt = "2026-03-01T01:30:00.000Z";
    const objects = [vmNamed("web"), objectNamed("db"), implant].map((config) => ({
      config,
      snapshotIds: [`s-${config.name}`],
    }));
    const tasks = await workBut(api, (task) => {
      if (task.kind !== "snapshot" || task.siteId !== "b") return undefined;
      groupsOn(api, siteB).add(task.groupId);
      return { kind: "completed", result: { kind: "snapshot", takenAt, from: 0, objects } };
    });
    assert.equal((await look(api, failover)).state, "home");
    assert(tasks.some((task) => task.kind === "prepare" && task.object.id === implant.id));
    assert.deepEqual(
      tasks.filter(({ kind }) => kind === "rebuild"),
      [],
    );
    assert.equal((await plan(api)).place, undefined);
  });
});

describe("what a failback has made at home", () => {
  test("goes only where nobody has changed it, also after a failback that was begun anew and undone", async () => {
    const api = await withPlan();
    const { failover } = await begin(api);
    await work(api);
    const fails = (site: string, type: string) => (task: RunTask) => {
      if (task.kind === "order" && task.siteId === site && task.order.type === type) {
        const reason = { code: "OBJECT_BUSY", message: "It is busy." };
        return { kind: "failed", reason, retryable: false, progressed: false };
      }
      if (task.kind !== "rebuild" || task.siteId !== "a") return changedAt("a", "db")(task);
      const object = { ...objectNamed("db"), id: "lun-beside", name: task.name };
      return { kind: "completed", result: { kind: "rebuild", object } };
    };
    const goes = async (command: string, site: string, type: string, state: string) => {
      await say(api, failover, command);
      await workBut(api, fails(site, type));
      const now = await look(api, failover);
      assert.deepEqual([now.state, now.halted?.code], [state, "OBJECT_BUSY"]);
    };
    await say(api, failover, "failback");
    await work(api);
    await goes("continue", "a", "start", "starting-here");
    await goes("undo", "b", "start", "resuming");
    await goes("failback", "b", "stop", "stopping-there");
    await say(api, failover, "undo");
    const tasks = await workBut(api, () => undefined);
    assert.equal((await look(api, failover)).state, "failed-over");
    const removed = tasks.flatMap((task) => (task.kind === "reclaim" && task.restored ? [task.restored] : []));
    assert(removed.length > 0);
    for (const { unchangedSince } of removed) assert.equal(unchangedSince, failover.group?.id);
  });
});

describe("an undone failover of what was written there", () => {
  test("halts, and gives it up only where a person says so", async () => {
    const api = await withPlan();
    const { failover } = await begin(api);
    await work(api);
    await say(api, failover, "undo");
    await workBut(api, changedAt("b", "db"));
    const halted = await look(api, failover);
    assert.deepEqual([halted.state, halted.halted?.code], ["undo-comparing", "CHANGED_SINCE"]);
    assert.match(halted.halted?.message ?? "", /“db”/);
    assert.equal((await plan(api)).place?.siteId, "b");
    await say(api, failover, "continue");
    await work(api);
    assert.equal((await look(api, failover)).state, "failed-over");
    await say(api, failover, "undo", true);
    await work(api);
    assert.equal((await look(api, failover)).state, "undone");
    assert.equal((await plan(api)).place, undefined);
  });
});

describe("a planned failover that can't go on", () => {
  test("halts where somebody writes after the last difference was sent, asks again, and sends again", async () => {
    const api = await withPlan();
    const { failover } = await begin(api, { kind: "planned" });
    await work(api);
    await say(api, failover, "continue");
    await workBut(api, changedAt("a", "db"));
    const halted = await look(api, failover);
    assert.deepEqual([halted.state, halted.halted?.code], ["comparing", "CHANGED_AFTER_STOP"]);
    await say(api, failover, "continue");
    await work(api);
    assert.equal((await look(api, failover)).state, "confirming", "the users are asked again");
    await say(api, failover, "continue");
    await work(api);
    const done = await look(api, failover);
    assert.equal(done.state, "failed-over");
    assert.notEqual(done.group?.id, halted.group?.id);
  });

  test("lists what is in the way there before anything is switched off", async () => {
    const api = await withPlan();
    const { failover } = await begin(api, { kind: "planned" });
    const tasks = await workBut(api, (task) => {
      if (task.kind !== "order" || task.order.type !== "look" || task.order.object.name !== "db") return undefined;
      const obstacles = [{ code: "LUN_ID_TAKEN", message: "LUN id 1 of the target “t” is taken." }];
      return { kind: "completed", result: { kind: "order", order: { type: "look", power: "gone", obstacles } } };
    });
    const halted = await look(api, failover);
    assert.equal(halted.state, "looking");
    assert.equal(halted.halted?.code, "LUN_ID_TAKEN");
    const { message = "" } = halted.halted ?? {};
    assert.match(message, /LUN id 1 of the target “t” is taken.*object delete ID --site b.*failover continue PLAN/);
    assert.doesNotMatch(message, /--rename/);
    assert.deepEqual(
      tasks.filter((task) => task.kind === "order" && task.order.type === "stop"),
      [],
    );
    await say(api, failover, "undo");
    assert.equal((await look(api, failover)).state, "undone");
    assert.equal((await plan(api)).moving, undefined);
  });

  test("goes on where what was in the way is gone, and offers other names against names alone", async () => {
    const api = await withPlan();
    const { failover } = await begin(api, { kind: "planned" });
    await workBut(api, (task) => {
      if (task.kind !== "order" || task.order.type !== "look" || task.order.object.name !== "db") return undefined;
      const obstacles = [{ code: "VOLUME_NAME_TAKEN", message: "There is a volume “db” already." }];
      return { kind: "completed", result: { kind: "order", order: { type: "look", power: "gone", obstacles } } };
    });
    const { halted } = await look(api, failover);
    assert.deepEqual([halted?.code, halted?.message.includes("--rename")], ["VOLUME_NAME_TAKEN", true]);
    await say(api, failover, "continue");
    await work(api);
    assert.notEqual((await look(api, failover)).state, "looking");
  });
});

describe("machines that are on at both sites", () => {
  test("are warned of in the failover and in the plan's status, once home answers again", async () => {
    const api = await withPlan();
    const { failover } = await begin(api);
    await work(api);
    const { warnings } = await look(api, failover);
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ["RUNS_TWICE"],
    );
    assert.match(warnings[0]?.message ?? "", /“web” runs at a/);
    const { body } = await api.send<StatusAnswer>("GET", "/v1/status?plan=nightly");
    assert.deepEqual(
      body.items[0]?.warnings?.map(({ code }) => code),
      ["RUNS_TWICE"],
    );
    api.pass(3600);
    assert.deepEqual((await look(api, failover)).warnings, []);
  });
});
