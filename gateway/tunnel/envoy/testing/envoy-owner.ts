import assert from "node:assert/strict";
import { newAuthority } from "../../../transfer/testing/credentials.ts";
import { openTestedEnvoy } from "./envoys.ts";

/** A process with a tunnel through Envoy, which tells its parent where, and waits to be killed. */
const { dir } = await openTestedEnvoy({
  authority: await newAuthority(),
  siteId: "a",
  handler: async () => assert.fail("nobody may come"),
});
process.send?.({ dir });
process.on("disconnect", () => process.exit());
