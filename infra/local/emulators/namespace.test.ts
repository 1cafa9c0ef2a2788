import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { createClients } from "../../../functions/aws/clients.ts";
import { createDynamodbStore } from "../../../functions/aws/dynamodb-store.ts";
import { ensureTables } from "../../../functions/aws/table.ts";
import { needOwnNetwork, needTool } from "../../../test/need.ts";
import { until } from "../../../test/patience.ts";
import { startDynamo } from "./dynamo.ts";
import { loopbackWays, ownNetworkProblem } from "./namespace.ts";
import { answersAt } from "./socket.ts";

const { signal } = new AbortController();

describe("a network of one's own", () => {
  test("is had by each of the ways to bring its loopback up, and it is said where none is there", async (t) => {
    if (!(await needOwnNetwork(t))) return;
    const packages = { ip: "iproute2", perl: "perl-base", python3: "python3" };
    for (const [index, [tool, from]] of Object.entries(packages).entries()) {
      if ((await needTool(t, tool, from)) === undefined) return;
      assert.equal(await ownNetworkProblem(loopbackWays.slice(index, index + 1)), undefined, tool);
    }
    assert.match((await ownNetworkProblem(["false"])) ?? "", /install iproute2/);
  });

  test("has the DynamoDB emulator in it, and the same clients reach it", async (t) => {
    if (!(await needOwnNetwork(t))) return;
    const dir = await mkdtemp(join(tmpdir(), "smtx-backup-network-"));
    t.after(() => rm(dir, { recursive: true }));
    const emulator = await startDynamo({ dir, socket: join(dir, "socket") });
    t.after(() => emulator.stop());
    const clients = createClients({ AWS_ENDPOINT_URL: emulator.endpoint });
    t.after(() => clients.destroy());
    await ensureTables(clients.dynamodb, "test");
    const store = createDynamodbStore({ client: clients.dynamodb, tableName: "test" });
    const key = { partition: "P", sort: "S" };
    await store.commit([{ type: "put", key, body: { kept: true }, expect: "absent" }]);
    assert.deepEqual(await store.get(key), { key, version: 1, body: { kept: true } });
  });

  test("is gone with all in it when the process that started it is killed", async (t) => {
    if (!(await needOwnNetwork(t))) return;
    const dir = await mkdtemp(join(tmpdir(), "smtx-backup-network-"));
    t.after(() => rm(dir, { recursive: true }));
    const module = new URL("./dynamo.ts", import.meta.url).href;
    const program = `
      const { startDynamo } = await import(${JSON.stringify(module)});
      const [dir, socket] = ${JSON.stringify([dir, join(dir, "socket")])};
      process.stdout.write((await startDynamo({ dir, socket })).endpoint);
      setInterval(() => {}, 1000);
    `;
    const starter = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    t.after(() => starter.kill("SIGKILL"));
    const [endpoint] = await once(starter.stdout.setEncoding("utf8"), "data");
    assert(await answersAt(endpoint, signal));
    starter.kill("SIGKILL");
    await until("the emulator to be silent", async () => !(await answersAt(endpoint, signal)));
    const again = await startDynamo({ dir, socket: join(dir, "socket") });
    await again.stop();
  });
});
