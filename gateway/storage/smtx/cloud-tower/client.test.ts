import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { inspect } from "node:util";
import { z } from "zod";
import { VisibleError } from "../../../../core/api/errors.ts";
import { OutcomeUnknownError } from "../outcome.ts";
import { CloudTower } from "./client.ts";
import { quickTime, type Script, scriptedPassword, scriptedTask, scriptedTower } from "./testing.ts";

const vmSchema = z.object({ id: z.string(), name: z.string() });
const vmsSchema = z.array(vmSchema);
const vms = [{ id: "vm-1", name: "web" }];
const unauthorized = { status: 401, json: { message: "token expired" } };

const errorOf = async (work: Promise<unknown>): Promise<VisibleError> => {
  const error = await work.then(
    () => assert.fail("it succeeded"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof VisibleError, inspect(error));
  return error;
};

describe("asking CloudTower", () => {
  test("logs in when first asked, and not again while the token is good", async (t) => {
    const { tower, requests } = await scriptedTower(t, { "get-vms": () => vms });
    for (let count = 0; count < 3; count += 1) assert.deepEqual(await tower.query("get-vms", {}, vmsSchema), vms);
    assert.deepEqual(
      requests.map(({ operation, token }) => `${operation} ${token}`),
      ["login undefined", "get-vms token-1", "get-vms token-1", "get-vms token-1"],
    );
    assert.deepEqual(requests[0]?.body, { username: "backup", password: scriptedPassword, source: "LOCAL" });
  });

  test("logs in once for all who are told at the same time that the token is over", async (t) => {
    const { tower, count } = await scriptedTower(t, {
      "get-vms": ({ token }) => (token === "token-1" ? unauthorized : vms),
    });
    const asked = Array.from({ length: 6 }, () => tower.query("get-vms", {}, vmsSchema));
    assert.deepEqual(await Promise.all(asked), Array(6).fill(vms));
    assert.equal(count("login"), 2);
  });

  test("is refused after one other login, where no token is good", async (t) => {
    const { tower, count } = await scriptedTower(t, { "get-vms": () => unauthorized });
    const { code, message } = await errorOf(tower.query("get-vms", {}, vmsSchema));
    assert.equal(code, "CLUSTER_REFUSED");
    assert.match(message, /refuses get-vms to “backup”/);
    assert.deepEqual([count("login"), count("get-vms")], [2, 2]);
  });

  test("does not try a password again at once that was refused: that would lock the account", async (t) => {
    const { tower, count, time } = await scriptedTower(t, {
      login: (_, nth) =>
        nth === 1 ? { status: 400, json: { message: "wrong password" } } : { data: { token: "good" } },
      "get-vms": () => vms,
    });
    for (let tries = 0; tries < 3; tries += 1) {
      const { code, message } = await errorOf(tower.query("get-vms", {}, vmsSchema));
      assert.equal(code, "CLUSTER_REFUSED");
      assert.match(message, /does not let “backup” in/);
    }
    assert.equal(count("login"), 1);
    for (let waits = 0; waits < 7; waits += 1) await time.sleep(5_000, new AbortController().signal);
    assert.deepEqual(await tower.query("get-vms", {}, vmsSchema), vms);
  });

  test("goes on when an answer was lost, and asks three times at the most", async (t) => {
    const script: Script = {
      "get-vms": (_, nth) => (nth < 3 ? "cut" : vms),
      "get-hosts": () => "cut",
      "get-vlans": (_, nth) => (nth === 1 ? { status: 503, text: "<html>" } : vms),
    };
    const { tower, count } = await scriptedTower(t, script);
    assert.deepEqual(await tower.query("get-vms", {}, vmsSchema), vms);
    assert.deepEqual(await tower.query("get-vlans", {}, vmsSchema), vms);
    assert.equal((await errorOf(tower.query("get-hosts", {}, vmsSchema))).code, "CLUSTER_UNREACHABLE");
    assert.equal(count("get-hosts"), 3);
  });

  test("does not wait for ever for an answer, or for the rest of one", async (t) => {
    const { tower } = await scriptedTower(t, { "get-vms": () => "silence" }, { answerSeconds: 0.05 });
    const { code, message } = await errorOf(tower.query("get-vms", {}, vmsSchema));
    assert.equal(code, "CLUSTER_UNREACHABLE");
    assert.match(message, /nothing came within 0.05 s/);
  });

  test("ends at once, with the reason, when it is called off", async (t) => {
    const asked = Promise.withResolvers<void>();
    const { tower } = await scriptedTower(t, {
      "get-vms": () => {
        asked.resolve();
        return "silence";
      },
    });
    const stop = new AbortController();
    const asking = tower.query("get-vms", {}, vmsSchema, { signal: stop.signal });
    await asked.promise;
    stop.abort(new Error("enough"));
    await assert.rejects(asking, { message: "enough" });
  });

  test("says where nobody is", async () => {
    const time = quickTime();
    const tower = CloudTower.open({ url: "http://127.0.0.1:1", user: "x", password: "12345678", source: "ldap", time });
    const { code, message } = await errorOf(tower.query("get-vms", {}, vmsSchema));
    assert.equal(code, "CLUSTER_UNREACHABLE");
    assert.match(message, /http:\/\/127\.0\.0\.1:1 did not answer login/);
    await tower.close();
  });

  test("reads no more of an answer than anything has", async (t) => {
    const { tower } = await scriptedTower(t, {
      "get-vms": () => ({ status: 200, text: " ".repeat(33 * 1024 * 1024) }),
    });
    assert.match((await errorOf(tower.query("get-vms", {}, vmsSchema))).message, /more than \d+ bytes/);
  });

  test("tells where an answer is of another form, without what it holds", async (t) => {
    const { tower } = await scriptedTower(t, { "get-vms": () => [{ id: "vm-1", name: 17, chap_secret: "abcdefgh" }] });
    const error = await errorOf(tower.query("get-vms", {}, vmsSchema));
    assert.match(error.message, /answered get-vms not as CloudTower does: 0\.name: invalid_type/);
    assert.equal(error.retryable, false);
  });
});

describe("changing something by CloudTower", () => {
  const done = { "get-tasks": () => [scriptedTask("task-1", "SUCCESSED")] };
  const created = [{ task_id: "task-1", data: { id: "lun-1" } }];
  const idSchema = z.object({ id: z.string() });

  test("gives the data when the task has ended", async (t) => {
    const { tower, count } = await scriptedTower(t, {
      "create-iscsi-lun": () => created,
      "get-tasks": (_, nth) => [
        scriptedTask("task-1", ["PENDING", "EXECUTING", "EXECUTING", "SUCCESSED"][nth - 1] ?? ""),
      ],
    });
    assert.deepEqual(await tower.change("create-iscsi-lun", [], idSchema), [{ id: "lun-1" }]);
    assert.equal(count("get-tasks"), 4);
  });

  test("waits for each task of a batch, once for what shares one, and for none where there is none", async (t) => {
    const { tower, requests } = await scriptedTower(t, {
      "create-iscsi-lun": () => ["task-1", "task-1", "task-2", null].map((task_id) => ({ task_id, data: { id: "x" } })),
      "delete-iscsi-lun": () => [],
      "get-tasks": () => [scriptedTask("task-1", "SUCCESSED"), scriptedTask("task-2", "SUCCESSED")],
    });
    assert.equal((await tower.change("create-iscsi-lun", [], idSchema)).length, 4);
    assert.deepEqual(await tower.change("delete-iscsi-lun", {}, idSchema), []);
    const asked = requests.filter(({ operation }) => operation === "get-tasks").map(({ body }) => body["where"]);
    assert.deepEqual(asked, [{ id_in: ["task-1", "task-2"] }]);
  });

  test("is tried again while somebody else's task holds the object, and ends as busy", async (t) => {
    const locked = { status: 409, json: { code: "ResourceLocked", message: "locked by task-9" } };
    const { tower, count } = await scriptedTower(t, {
      ...done,
      "create-iscsi-lun": (_, nth) => (nth < 4 ? locked : created),
      "delete-iscsi-lun": () => locked,
      "update-iscsi-lun": (_, nth) => (nth < 3 ? { status: 429, json: {} } : created),
    });
    assert.equal((await tower.change("create-iscsi-lun", [], idSchema)).length, 1);
    assert.equal((await tower.change("update-iscsi-lun", {}, idSchema)).length, 1);
    const { code, message } = await errorOf(tower.change("delete-iscsi-lun", {}, idSchema));
    assert.equal(code, "CLUSTER_BUSY");
    assert.match(message, /ResourceLocked: locked by task-9/);
    assert.deepEqual([count("create-iscsi-lun"), count("delete-iscsi-lun")], [4, 8]);
  });

  test("whose answer is lost is not made again, and its outcome is said to be unknown", async (t) => {
    for (const answer of ["cut", { status: 502, text: "<html>" }, { status: 200, text: "half an ans" }] as const) {
      const { tower, count } = await scriptedTower(t, { "create-iscsi-lun": () => answer });
      const error = await errorOf(tower.change("create-iscsi-lun", [], idSchema));
      assert.ok(error instanceof OutcomeUnknownError);
      assert.deepEqual([error.code, error.sent, count("create-iscsi-lun")], ["CLUSTER_UNREACHABLE", true, 1]);
    }
  });

  test("that nobody heard is not said to be unknown", async (t) => {
    const { tower } = await scriptedTower(t, { login: () => "cut" });
    const { tower: gone, stop } = await scriptedTower(t, { "get-vms": () => vms });
    await gone.query("get-vms", {}, vmsSchema);
    stop();
    for (const one of [tower, gone]) {
      const error = await errorOf(one.change("create-iscsi-lun", [], idSchema));
      assert.deepEqual([error.code, error instanceof OutcomeUnknownError], ["CLUSTER_UNREACHABLE", false]);
    }
  });

  test("is made once more with another token, and only then, when the token is over", async (t) => {
    const { tower, requests } = await scriptedTower(t, {
      ...done,
      "create-iscsi-lun": ({ token }) => (token === "token-1" ? unauthorized : created),
    });
    await tower.change("create-iscsi-lun", [], idSchema);
    const tokens = requests.filter(({ operation }) => operation === "create-iscsi-lun").map(({ token }) => token);
    assert.deepEqual(tokens, ["token-1", "token-2"]);
  });

  test("that the account may not make is refused by name", async (t) => {
    const { tower } = await scriptedTower(t, { "create-vm": () => ({ status: 403, json: { message: "no right" } }) });
    const { code, message } = await errorOf(tower.change("create-vm", [], idSchema));
    assert.equal(code, "CLUSTER_REFUSED");
    assert.match(message, /refuses create-vm to “backup”: no right/);
  });
});

describe("what no message of CloudTower's client holds", () => {
  test("is the password, a token, or a secret that it was told of, whatever the cluster says", async (t) => {
    const secrets = [scriptedPassword, "token-1", "chapSecret1234"];
    const words = `said ${secrets.join(" and ")}`;
    const script: Script = {
      "create-vm": () => ({ status: 400, json: { message: words } }),
      "create-iscsi-lun": () => [{ task_id: "task-1", data: {} }],
      "get-tasks": () => [scriptedTask("task-1", "FAILED", { error_code: words, error_message: words })],
      "get-vms": () => ({ status: 403, json: { message: words } }),
    };
    const { tower } = await scriptedTower(t, script, { secrets: ["chapSecret1234"] });
    const any = z.object({});
    const errors = [
      await errorOf(tower.change("create-vm", [], any)),
      await errorOf(tower.change("create-iscsi-lun", [], any)),
      await errorOf(tower.query("get-vms", {}, vmsSchema)),
    ];
    for (const error of errors) {
      const shown = inspect(error, { depth: 20, showHidden: true });
      assert.match(shown, /said … and … and …/);
      for (const secret of secrets) assert.ok(!shown.includes(secret), `${secret} in ${shown}`);
    }
    const shown = inspect(tower, { depth: 20, showHidden: true });
    for (const secret of secrets) assert.ok(!shown.includes(secret), shown);
  });
});
