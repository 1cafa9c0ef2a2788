import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { VisibleError } from "../../core/api/errors.ts";
import { siteIdSchema } from "../../core/api/ids.ts";
import { createAuthority } from "../../pki/authority.ts";
import { authoritiesFrom } from "./authorities.ts";

const nowMs = Date.now();
const made = await createAuthority({ multiCluster: "mc" });
const pem = `${made.certificatePem}\n${made.keyPem}`;
const mc = siteIdSchema.parse("mc");

describe("an installation's authorities", () => {
  test("come from the environment, and one that can't be used takes nothing from the others", () => {
    const { of } = authoritiesFrom({ AUTHORITIES: JSON.stringify({ mc: pem, broken: "x" }) }, () => nowMs);
    assert.equal(of(mc).keyPem.trim(), made.keyPem.trim());
    assert.throws(
      () => of(siteIdSchema.parse("broken")),
      (error) => VisibleError.is(error, "BAD_REQUEST"),
    );
    for (const name of ["other", "constructor"]) {
      assert.throws(
        () => of(siteIdSchema.parse(name)),
        (error) => VisibleError.is(error, "AUTHORITY_MISSING"),
      );
    }
  });

  test("that are no JSON object of texts are refused without being shown", () => {
    for (const value of ["secret", '["secret"]', '{"mc":1}']) {
      assert.throws(
        () => authoritiesFrom({ AUTHORITIES: value }, () => nowMs),
        (error: unknown) => VisibleError.is(error, "BAD_REQUEST") && !error.message.includes("secret"),
      );
    }
    assert.throws(
      () => authoritiesFrom({}, () => nowMs).of(mc),
      (error) => VisibleError.is(error, "AUTHORITY_MISSING"),
    );
  });
});
