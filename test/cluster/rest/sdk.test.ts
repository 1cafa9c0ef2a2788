import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { cachedCloudTowerSdk } from "../../../infra/cloud-tower-sdk/program.ts";
import { ClusterStandIn } from "../stand-in/stand-in.ts";

const run = promisify(execFile);

test("the vendor's own client makes what it wants, and finds all of it in its own types", async (context) => {
  const standIn = await ClusterStandIn.open();
  context.after(() => standIn.close());
  const { tower, cluster } = standIn;
  const script = fileURLToPath(new URL("sdk-client.py", import.meta.url));
  const parameters = [script, tower.url, tower.user, tower.password, cluster.id];
  const { stdout } = await run(cachedCloudTowerSdk.python, parameters, { timeout: 600_000 });
  assert.deepEqual(JSON.parse(stdout), {
    luns: [
      ["clone", 1, 2_097_152, 4, ["made"]],
      ["lun", 300, 2_097_152, 4, []],
    ],
    keptSnapshots: 1,
    groups: 0,
    diskSnapshots: 2,
    vm: [["vm", "STOPPED", 2, "UEFI"]],
    tasks: ["SUCCESSED"],
    taken: "taken",
    volumeSnapshot: "s",
  });
  assert.deepEqual(tower.breaches, []);
});
