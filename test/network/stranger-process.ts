import { ask, type RawRequest } from "../../gateway/tunnel/envoy/testing/strangers.ts";

/** Asks as its parent says, from the host that it was started on, and tells what came back. */
process.once("message", async (asking: RawRequest) => {
  process.send?.(await ask(asking));
  process.disconnect();
});
process.once("disconnect", () => process.exit());
