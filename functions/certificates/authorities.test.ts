import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import { describedError } from "../../core/api/failure.ts";
import { type Instant, siteIdSchema } from "../../core/api/ids.ts";
import { addSeconds } from "../../core/ports/clock.ts";
import { createAuthority } from "../../pki/authority.ts";
import { authoritiesIn } from "./authorities.ts";

const made = await createAuthority({ multiCluster: "mc" });
const pem = `${made.certificatePem}\n${made.keyPem}`;
const mc = siteIdSchema.parse("mc");
const other = siteIdSchema.parse("other");
const code = (wanted: string) => (error: unknown) => VisibleError.is(error, wanted as never);

/** Authorities from a text that a test changes, and how often it was read. */
const kept = (text: string) => {
  const state = { text, reads: 0, now: new Date().toISOString() as Instant };
  const read = async () => {
    state.reads += 1;
    return state.text;
  };
  const { of } = authoritiesIn(read, { now: () => state.now });
  const pass = (seconds: number) => {
    state.now = addSeconds(state.now, seconds);
  };
  return { state, of, pass };
};

describe("an installation's authorities", () => {
  test("are read from where they are kept, and one that can't be used takes nothing from the others", async () => {
    const { of } = kept(JSON.stringify({ mc: pem, broken: "x" }));
    assert.equal((await of(mc)).keyPem.trim(), made.keyPem.trim());
    await assert.rejects(of(siteIdSchema.parse("broken")), code("BAD_REQUEST"));
    for (const name of ["other", "constructor"]) {
      await assert.rejects(of(siteIdSchema.parse(name)), code("AUTHORITY_MISSING"));
    }
  });

  test("may be more than three: a hundred are found", async () => {
    const names = Array.from({ length: 100 }, (_, index) => `mc${index}`);
    const { of } = kept(JSON.stringify(Object.fromEntries(names.map((name) => [name, pem]))));
    for (const name of names) assert.equal((await of(siteIdSchema.parse(name))).keyPem.trim(), made.keyPem.trim());
  });

  test("that are no JSON object of texts are refused without being shown", async () => {
    for (const value of ["secret", '["secret"]', '{"mc":1}']) {
      await assert.rejects(
        kept(value).of(mc),
        (error: unknown) => VisibleError.is(error, "BAD_REQUEST") && !error.message.includes("secret"),
      );
    }
    await assert.rejects(kept("{}").of(mc), code("AUTHORITY_MISSING"));
  });

  test("that can't be used are refused, and neither the answer nor the log has anything of the key", async () => {
    const lines = made.keyPem.trim().split("\n");
    const secrets = lines.slice(1, -1);
    const halved = `${made.certificatePem}\n${[lines[0], secrets[0], lines.at(-1)].join("\n")}`;
    for (const text of [halved, `${pem}\n${pem}`, made.keyPem]) {
      const error = await kept(JSON.stringify({ mc: text }))
        .of(mc)
        .catch((thrown: unknown) => thrown);
      assert.ok(VisibleError.is(error, "BAD_REQUEST"));
      const told = JSON.stringify([error.message, error.hint, describedError(error)]);
      assert.ok(!secrets.some((line) => told.includes(line)), told);
    }
  });

  test("are read once by however many need them, and again after five minutes", async () => {
    const { state, of, pass } = kept(JSON.stringify({ mc: pem }));
    await Promise.all([of(mc), of(mc), of(mc)]);
    pass(299);
    await of(mc);
    assert.equal(state.reads, 1);
    state.text = "{}";
    pass(1);
    await assert.rejects(of(mc), code("AUTHORITY_MISSING"));
    assert.equal(state.reads, 2);
  });

  test("that come later are found within ten seconds, and whoever asks for what isn't there has them read no oftener", async () => {
    const { state, of, pass } = kept(JSON.stringify({ mc: pem }));
    for (let asked = 0; asked < 5; asked += 1) await assert.rejects(of(other), code("AUTHORITY_MISSING"));
    assert.equal(state.reads, 1);
    state.text = JSON.stringify({ mc: pem, other: pem });
    pass(10);
    assert.equal((await of(other)).keyPem.trim(), made.keyPem.trim());
    assert.equal(state.reads, 2);
  });

  test("that can't be read now are read the next time", async () => {
    let isAway = true;
    const read = async () => {
      if (isAway) throw new Error("away");
      return JSON.stringify({ mc: pem });
    };
    const { of } = authoritiesIn(read, { now: () => new Date().toISOString() as Instant });
    await assert.rejects(of(mc), /away/);
    isAway = false;
    assert.ok(await of(mc));
  });
});
