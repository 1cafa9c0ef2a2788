import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { migrate } from "../../extentstore/database/schema.ts";
import { Ledger } from "./ledger.ts";
import { MemoryDevice } from "./testing/memory-device.ts";

describe("a ledger", () => {
  test("shows what one has recorded to all who have it open, and to who opens it later", async () => {
    const device = new MemoryDevice();
    const a = await Ledger.open(device, { migrate });
    const b = await Ledger.open(device, { migrate });
    const { lastId } = await a.change((database) => database.run("INSERT INTO tables (frozenEpoch) VALUES (7)"));
    assert.equal(lastId, 1);
    const c = await Ledger.open(device, { migrate });
    for (const ledger of [a, b, c]) {
      assert.deepEqual(
        (await ledger.read((database) => database.all("SELECT * FROM tables"))).map((row) => ({ ...(row as object) })),
        [{ id: 1, frozenEpoch: 7 }],
      );
      await ledger.close();
    }
  });

  test("records what was planned after what others changed meanwhile", async () => {
    const device = new MemoryDevice();
    const a = await Ledger.open(device, { migrate });
    const b = await Ledger.open(device, { migrate });
    const insert = "INSERT INTO tables (frozenEpoch) VALUES (?)";
    await a.changeAround({
      plan: (database) => database.run(insert, 1).lastId,
      realize: async () => {
        await b.change((database) => database.run(insert, 2));
      },
      finish: (database, planned) => void database.run("UPDATE tables SET frozenEpoch = 3 WHERE id = ?", planned),
    });
    for (const ledger of [a, b]) {
      assert.deepEqual(
        (await ledger.read((database) => database.all<{ id: number }>("SELECT * FROM tables ORDER BY id"))).map(
          (row) => ({ ...row }),
        ),
        [
          { id: 1, frozenEpoch: 3 },
          { id: 2, frozenEpoch: 2 },
        ],
      );
      await ledger.close();
    }
  });
});
