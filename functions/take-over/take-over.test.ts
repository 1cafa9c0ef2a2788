import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { DynamoDBDocumentClient, PutCommand, ScanCommand } from "@aws-sdk/lib-dynamodb";
import type { GatewayId, Instant, PlanId, SiteId } from "../../core/api/ids.ts";
import type { Key } from "../../core/ports/store.ts";
import { startDynamo } from "../../infra/local/emulators/dynamo.ts";
import type { Emulator } from "../../infra/local/emulators/emulator.ts";
import { listAudit } from "../audit/audit.ts";
import { type Clients, createClients } from "../aws/clients.ts";
import { itemOf } from "../aws/dynamodb-item.ts";
import { createDynamodbStore } from "../aws/dynamodb-store.ts";
import { ensureTables, tableNamesOf } from "../aws/table.ts";
import {
  auditKey,
  certificatesKey,
  enrolmentKey,
  gatewayKey,
  planKey,
  revocationsKey,
  siteKey,
  tokenKey,
} from "../documents/records.ts";
import { newSecret } from "../tokens/secret.ts";
import { authenticate, revokeToken } from "../tokens/tokens.ts";
import { takeOver } from "./take-over.ts";

const now = "2026-03-01T00:30:00.000Z" as Instant;
const clock = { now: () => now };
const nothing = () => undefined;
const log = { info: nothing, warn: nothing, failed: nothing, error: nothing };
const [siteA, siteB, main] = ["a", "b", "main"] as SiteId[] as [SiteId, SiteId, SiteId];
const [gateway, plan] = ["a1" as GatewayId, "plan_00000000000000000000000001" as PlanId];
const auditEntries = 60;

describe("a table from before, in which everything lay", () => {
  let dir: string;
  let dynamo: Emulator;
  let clients: Clients;
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "smtx-backup-take-over-"));
    dynamo = await startDynamo({ dir });
    clients = createClients({ AWS_ENDPOINT_URL: dynamo.endpoint });
  });
  after(async () => {
    clients?.destroy();
    await dynamo?.stop();
    await rm(dir, { recursive: true });
  });

  let tables = 0;
  /** A table with all kinds of documents, as the version before left it. */
  const tableBefore = async () => {
    const name = `before-${++tables}`;
    await ensureTables(clients.dynamodb, name);
    const documents = DynamoDBDocumentClient.from(clients.dynamodb);
    const putBefore = (key: Key, body: object, version = 1) =>
      documents.send(new PutCommand({ TableName: name, Item: { ...itemOf({ key, body }, version) } }));
    const keysIn = async (TableName: string): Promise<readonly string[]> => {
      const { Items = [] } = await documents.send(new ScanCommand({ TableName, ConsistentRead: true }));
      return Items.map(({ pk, sk }) => `${pk} ${sk}`).toSorted();
    };
    const secret = newSecret("smtxb");
    await putBefore(tokenKey(secret.sha256), { id: secret.id, name: "me", scopes: ["admin"], createdAt: now });
    await putBefore(enrolmentKey("hash"), { siteId: siteA, gatewayId: gateway });
    for (const id of [siteA, siteB]) await putBefore(siteKey(id), { id, multiCluster: main, createdAt: now }, 7);
    await putBefore(certificatesKey(siteA, gateway), { certificates: [] });
    await putBefore(revocationsKey(main), { revoked: [] });
    await putBefore(gatewayKey(siteA, gateway), { id: gateway });
    await putBefore(planKey(plan), { id: plan });
    for (let n = 0; n < auditEntries; n += 1) {
      const entry = { at: now, actor: { kind: "stranger" }, method: "GET", path: `/${n}`, requestId: "x" };
      await putBefore(auditKey(now, n.toString()), entry);
    }
    const store = createDynamodbStore({ client: clients.dynamodb, tableName: name });
    const namesOfAll = tableNamesOf(name);
    const taken = () => takeOver(clients.dynamodb, name, clock);
    return { name, names: namesOfAll, store, secret, taken, putBefore, keysIn };
  };

  const stateKeys = [`PLAN#${plan} PLAN`, "SITE#a GATEWAY#a1"];

  test("is taken apart: each document is in its table with its version, and in no other", async () => {
    const { names, store, secret, taken, keysIn } = await tableBefore();
    assert.deepEqual(await taken(), { at: now, moved: { access: 6, audit: auditEntries }, isNew: true });
    assert.deepEqual(await keysIn(names.state), stateKeys);
    assert.deepEqual(
      (await keysIn(names.access)).map((key) => key.replace(/#[0-9a-f]{64}$/, "#…")),
      [
        "ENROLMENTS ENROLMENT#hash",
        "MULTICLUSTER#main REVOCATIONS",
        "SITE#a CERTIFICATES#a1",
        "SITES SITE#a",
        "SITES SITE#b",
        "TAKENOVER TAKENOVER",
        "TOKENS TOKEN#…",
      ],
    );
    assert.equal((await authenticate({ store, clock }, secret.text)).name, "me");
    assert.equal((await store.get(siteKey(siteB)))?.version, 7);
    assert.equal((await listAudit({ store, log }, { limit: 100 })).items.length, auditEntries);
  });

  test("is believed in nothing about tokens once it was taken apart, however often that is asked for", async () => {
    const { store, taken, putBefore, names, keysIn } = await tableBefore();
    await taken();
    const planted = newSecret("smtxb");
    await putBefore(tokenKey(planted.sha256), { id: planted.id, name: "x", scopes: ["admin"], createdAt: now });
    await assert.rejects(authenticate({ store, clock }, planted.text), { code: "UNAUTHENTICATED" });
    assert.equal((await taken()).isNew, false);
    await assert.rejects(authenticate({ store, clock }, planted.text), { code: "UNAUTHENTICATED" });
    assert.equal((await keysIn(names.state)).length, stateKeys.length + 1);
  });

  test("goes on being taken apart where it was stopped, and a token that was revoked meanwhile stays revoked", async () => {
    for (const stoppedAfter of [0, 1, 2, 3, 4, 5, 6]) {
      const { names, store, secret, taken, keysIn, name } = await tableBefore();
      let transactions = 0;
      const stopping = createClients({ AWS_ENDPOINT_URL: dynamo.endpoint });
      stopping.dynamodb.middlewareStack.add((next, { commandName }) => async (args) => {
        if (commandName?.startsWith("TransactWrite") && transactions++ >= stoppedAfter) throw new Error("stopped");
        return next(args);
      });
      await assert.rejects(takeOver(stopping.dynamodb, name, clock), /stopped/);
      stopping.destroy();
      const isMoved = (await keysIn(names.access)).some((key) => key.startsWith("TOKENS"));
      assert.equal(isMoved, stoppedAfter > 0);
      if (isMoved) await revokeToken({ store }, secret.id);
      assert.equal((await taken()).isNew, true);
      assert.deepEqual(await keysIn(names.state), stateKeys);
      assert.equal((await keysIn(names.access)).length, isMoved ? 6 : 7);
      assert.equal((await keysIn(names.audit)).length, auditEntries);
    }
  });

  /** Does something before the n-th transaction of a take-over. */
  const takenAfter = async (name: string, nth: number, meanwhile: () => Promise<unknown>) => {
    let transactions = 0;
    const slow = createClients({ AWS_ENDPOINT_URL: dynamo.endpoint });
    slow.dynamodb.middlewareStack.add((next, { commandName }) => async (args) => {
      if (commandName?.startsWith("TransactWrite") && ++transactions === nth) await meanwhile();
      return next(args);
    });
    try {
      return await takeOver(slow.dynamodb, name, clock);
    } finally {
      slow.destroy();
    }
  };

  test("is taken apart by two at once, and neither brings back a token that was revoked meanwhile", async () => {
    const { name, names, store, secret, taken, keysIn } = await tableBefore();
    const late = takenAfter(name, 1, async () => {
      await taken();
      await revokeToken({ store }, secret.id);
    });
    await assert.rejects(late, { name: "TransactionCanceledException" });
    await assert.rejects(authenticate({ store, clock }, secret.text), { code: "UNAUTHENTICATED" });
    assert.ok((await keysIn(names.access)).every((key) => !key.startsWith("TOKENS")));
    assert.equal((await taken()).isNew, false);
  });

  test("is moved from by nobody once it was taken apart, also by one that began before", async () => {
    const { name, store, secret, taken, putBefore } = await tableBefore();
    const late = takenAfter(name, 1, async () => {
      await taken();
      await revokeToken({ store }, secret.id);
      await putBefore(tokenKey(secret.sha256), { id: secret.id, name: "x", scopes: ["admin"], createdAt: now });
    });
    await assert.rejects(late, { name: "TransactionCanceledException" });
    await assert.rejects(authenticate({ store, clock }, secret.text), { code: "UNAUTHENTICATED" });
  });

  test("that is new has nothing to be taken apart", async () => {
    await ensureTables(clients.dynamodb, "new");
    const taken = await takeOver(clients.dynamodb, "new", clock);
    assert.deepEqual(taken, { at: now, moved: { access: 0, audit: 0 }, isNew: true });
  });
});
