import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import { gatewayIdSchema } from "../../core/api/ids.ts";
import { envoySettings } from "./envoy.ts";

const gatewayId = gatewayIdSchema.parse("a1");
const envoy = process.execPath;

describe("a gateway of this machine with an Envoy of its own", () => {
  test("has a folder of its own and a port that can be listened on", async (t) => {
    const dir = await mkdtemp(join(tmpdir(), "local-envoy-"));
    t.after(() => rm(dir, { recursive: true }));
    const settings = await envoySettings({ dir, gatewayId, envoy });
    assert.equal(settings.envoyDir, join(dir, "envoy", "a1"));
    assert.equal(settings.envoy, envoy);
    assert(settings.listen.port > 0);
  });

  test("is refused where a socket's path would be too long, saying what to do", async () => {
    const dir = `/${"x".repeat(90)}`;
    await assert.rejects(
      envoySettings({ dir, gatewayId, envoy }),
      (error) => VisibleError.is(error, "BAD_REQUEST") && /--dir/.test(error.hint ?? ""),
    );
  });

  test("is refused without the program", async () => {
    await assert.rejects(envoySettings({ dir: "/x", gatewayId, envoy: "/nowhere/envoy" }), (error) =>
      VisibleError.is(error, "BAD_REQUEST"),
    );
  });
});
