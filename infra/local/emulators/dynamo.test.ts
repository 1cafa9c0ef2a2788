import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { VisibleError } from "../../../core/api/errors.ts";
import { createClients } from "../../../functions/aws/clients.ts";
import { createDynamodbStore } from "../../../functions/aws/dynamodb-store.ts";
import { ensureTables } from "../../../functions/aws/table.ts";
import { until } from "../../../test/patience.ts";
import { dynoxidePath, endedAtStart, startDynamo } from "./dynamo.ts";

const isAnswering = async (endpoint: string) => {
  try {
    await (await fetch(endpoint)).arrayBuffer();
    return true;
  } catch (error) {
    if (error instanceof TypeError) return false;
    throw error;
  }
};

describe("the DynamoDB emulator", () => {
  let dir: string;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "smtx-backup-dynamo-"));
  });
  after(() => rm(dir, { recursive: true }));

  test("finds its documents again after a restart, in a folder that it makes", async () => {
    const key = { partition: "P", sort: "S" };
    const withStore = async (use: (store: ReturnType<typeof createDynamodbStore>) => Promise<unknown>) => {
      const emulator = await startDynamo({ dir: join(dir, "made", "here") });
      const clients = createClients({ AWS_ENDPOINT_URL: emulator.endpoint });
      await ensureTables(clients.dynamodb, "test");
      const result = await use(createDynamodbStore({ client: clients.dynamodb, tableName: "test" }));
      clients.destroy();
      await emulator.stop();
      assert.equal(await isAnswering(emulator.endpoint), false);
      return result;
    };
    await withStore((store) => store.commit([{ type: "put", key, body: { kept: true }, expect: "absent" }]));
    const found = await withStore((store) => store.get(key));
    assert.deepEqual(found, { key, version: 1, body: { kept: true } });
  });

  test("is gone when the process that started it is killed", async (t) => {
    const module = new URL("./dynamo.ts", import.meta.url).href;
    const program = `
      const { startDynamo } = await import(${JSON.stringify(module)});
      process.stdout.write((await startDynamo({ dir: ${JSON.stringify(join(dir, "killed"))} })).endpoint);
      setInterval(() => {}, 1000);
    `;
    const starter = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    t.after(() => starter.kill("SIGKILL"));
    const [endpoint] = await once(starter.stdout.setEncoding("utf8"), "data");
    assert(await isAnswering(endpoint));
    starter.kill("SIGKILL");
    await until("the emulator to be silent", async () => !(await isAnswering(endpoint)));
  });

  test("refuses a port that is taken", async () => {
    const other = createServer().listen({ host: "127.0.0.1", port: 0 });
    await once(other, "listening");
    const address = other.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const isConflict = (error: unknown) => VisibleError.is(error, "CONFLICT") && error.message.includes(`${port}`);
    await assert.rejects(startDynamo({ dir, port }), isConflict);
    other.close();
  });

  test("says that the disk is full where that ended it", () => {
    const full = endedAtStart("error: Internal error: database or disk is full (INTERNAL)");
    assert.equal(full.code, "STORE_FULL");
    assert.match(`${full.message} ${full.hint}`, /^The DynamoDB emulator has no space left on its disk\. Free /);
    const other = endedAtStart("error: database is locked");
    assert.equal(other.code, "INTERNAL");
    assert.match(other.message, /database is locked$/);
  });

  test("leaves nothing running when its start is given up", async () => {
    await assert.rejects(startDynamo({ dir, signal: AbortSignal.abort(new Error("given up")) }), /given up/);
  });

  test("names the alternatives where there is none for the platform", () => {
    assert.throws(
      () => dynoxidePath("sunos", "sparc"),
      (error) => VisibleError.is(error, "TOOL_MISSING") && /AWS_ENDPOINT_URL/.test(error.hint ?? ""),
    );
  });
});
