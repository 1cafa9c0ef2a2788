import assert from "node:assert/strict";
import { test } from "node:test";
import { gatewayIdSchema, type Instant, siteIdSchema } from "../../core/api/ids.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import { CommitConflict, type DocumentStore } from "../../core/ports/store.ts";
import { createMemoryStore } from "../memory/store.ts";
import { listAudit } from "./audit.ts";
import { auditRefusal, type Refusal, tellRefusals } from "./refusals.ts";

const now = "2026-03-01T00:30:20.000Z" as Instant;
const nothing = () => undefined;
const log = { info: nothing, warn: nothing, failed: nothing, error: nothing };

const worldOver = (store: DocumentStore) => ({ store, clock: { now: () => now }, log });

const refusal: Refusal = {
  actor: { kind: "gateway", siteId: siteIdSchema.parse("b"), gatewayId: gatewayIdSchema.parse("b1") },
  ...{ code: "NOT_ITS_TASK", method: "REPORT", path: "completed", requestId: "message-1" },
};

const told = async (deps: ReturnType<typeof worldOver>, later = 120) => {
  const due = await deps.store.due({ now: addSeconds(now, later), limit: 10 });
  for (const key of due) await tellRefusals(deps, key);
  return (await listAudit(deps, { limit: 10 })).items;
};

test("refusals that many processes count at the same time are all counted, each with one write", async () => {
  const store = createMemoryStore();
  let writes = 0;
  const commit: DocumentStore["commit"] = (changes) => {
    writes += 1;
    return store.commit(changes);
  };
  const deps = worldOver({ ...store, commit });
  await Promise.all(Array.from({ length: 40 }, () => auditRefusal(deps, refusal)));
  assert.equal(writes, 40);
  const [entry, ...others] = await told(deps);
  assert.deepEqual(entry, {
    ...{ at: now, actor: refusal.actor, method: "REPORT", path: "completed", requestId: "message-1" },
    refused: { code: "NOT_ITS_TASK", times: 40 },
  });
  assert.deepEqual(others, []);
});

test("nothing is told before the minute is over, and nothing twice", async () => {
  const deps = worldOver(createMemoryStore());
  await auditRefusal(deps, refusal);
  assert.deepEqual(await told(deps, 30), []);
  assert.equal((await told(deps)).length, 1);
  assert.equal((await told(deps)).length, 1);
});

test("one that is counted while its minute is being told is told with the next sweep", async () => {
  const store = createMemoryStore();
  const deps = worldOver(store);
  await auditRefusal(deps, refusal);
  let isFirst = true;
  const commit: DocumentStore["commit"] = async (changes) => {
    if (isFirst) {
      isFirst = false;
      await auditRefusal(deps, refusal);
      return assert.rejects(store.commit(changes), CommitConflict).then(() => Promise.reject(new CommitConflict()));
    }
    return store.commit(changes);
  };
  assert.deepEqual(await told(worldOver({ ...store, commit })), []);
  assert.deepEqual(
    (await told(deps)).map(({ refused }) => refused?.times),
    [2],
  );
});
