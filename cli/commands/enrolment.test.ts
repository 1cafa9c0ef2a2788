import assert from "node:assert/strict";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { makeAuthority } from "../../infra/local/pki.ts";
import { createWorld, run, temporaryFolder } from "../testing.ts";

describe("ca init", () => {
  test("makes an authority, with a key for its user alone, and never replaces one", async (t) => {
    const out = join(await temporaryFolder(t), "pki");
    const init = () => run(["ca", "init", "--multi-cluster", "mc1", "--out", out], { makeAuthority });
    const made = await init();
    assert.equal(made.exitCode, 0, made.stderr);
    assert.match(made.stdout, /ca\.crt and .*ca\.key are the authority of mc1/);
    assert.equal((await stat(join(out, "ca.key"))).mode & 0o777, 0o600);
    const again = await init();
    assert.notEqual(again.exitCode, 0);
    assert.match(again.stderr, /There is .*ca\.crt already/);
  });
});

describe("site create", () => {
  test("makes a site known whose gateways can be invited", async () => {
    const world = await createWorld();
    assert.equal((await world.run(["site", "create", "c", "--multi-cluster", "main"])).exitCode, 0);
    const invited = await world.run(["gateway", "invite", "c1", "--site", "c"]);
    assert.equal(invited.exitCode, 0, invited.stderr);
  });
});

describe("gateway", () => {
  test("invite prints the token alone on its first line, and until when it is good", async () => {
    const world = await createWorld();
    const { exitCode, stdout, stderr } = await world.run(["gateway", "invite", "a7", "--site", "a"]);
    assert.equal(exitCode, 0, stderr);
    const [token, ...rest] = stdout.split("\n");
    assert.match(token ?? "", /^smtxe_[0-9a-f]{12}_[0-9a-f]{64}$/);
    assert.match(rest.join("\n"), /good until 2026-03-01 00:45/);
  });

  test("enrol takes the token from the environment or from standard input, and never from the command line", async () => {
    const taken: string[] = [];
    const enrolGateway = async (file: string, { token }: { token: string }) => {
      taken.push(`${file} ${token}`);
      return { expiresAt: "2026-03-15T00:00:00.000Z" };
    };
    const enrol = ["gateway", "enrol", "-c", "gateway.yaml"];
    const fromEnv = await run(enrol, { enrolGateway, env: { SMTX_BACKUP_ENROLMENT_TOKEN: " t1\n" } });
    assert.equal(fromEnv.exitCode, 0, fromEnv.stderr);
    assert.match(fromEnv.stdout, /good until 2026-03-15/);
    await run(enrol, { enrolGateway, readInput: async () => "t2\n" });
    assert.deepEqual(taken, ["gateway.yaml t1", "gateway.yaml t2"]);
    const none = await run(enrol, { enrolGateway, readInput: async () => "\n" });
    assert.notEqual(none.exitCode, 0);
    assert.match(none.stderr, /gateway invite/);
  });

  test("remove says what was revoked, and that a gateway which never enrolled has more to revoke", async () => {
    const world = await createWorld();
    const { exitCode, stdout, stderr } = await world.run(["gateway", "remove", "gw-1", "--site", "a"]);
    assert.equal(exitCode, 0, stderr);
    assert.match(stdout, /gw-1 is removed from a; 0 certificates are revoked\. It had none from here that is good/);
    const ghost = await world.run(["gateway", "remove", "ghost", "--site", "a"]);
    assert.match(ghost.stderr, /has no gateway “ghost”/);
  });
});
