import { randomInt } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KnownDifference, ServicesUnderTest } from "../../functions/aws/testing.ts";
import { startEndpoints } from "../../infra/local/endpoints.ts";
import { hangMs } from "../patience.ts";
import { startMinistack } from "./ministack.ts";

/** An emulator that the product is to work with, chosen as its users choose it: by the environment alone. */
export interface EmulatorUnderTest {
  readonly name: string;
  readonly differences?: readonly KnownDifference[];
  /** Gives the environment that chooses it, without anything that an earlier test left there. */
  choose(): Promise<ServicesUnderTest>;
}

/**
 * Credentials of an account that nobody has used: ministack and LocalStack keep accounts apart, and
 * take an access key of 12 digits for one.
 */
const freshAccount = () => ({
  AWS_ACCESS_KEY_ID: `1${randomInt(1e11).toString().padStart(11, "0")}`,
  AWS_SECRET_ACCESS_KEY: "test",
  AWS_REGION: "us-east-1",
});

const builtIn: EmulatorUnderTest = {
  name: "the built-in emulators",
  differences: ["forgets the group of a message on a standard queue"],
  choose: async () => ({ env: {}, stop: async () => undefined }),
};

const ministack: EmulatorUnderTest = {
  name: "ministack",
  async choose() {
    const { endpoint, stop } = await startMinistack();
    return { env: { AWS_ENDPOINT_URL: endpoint, ...freshAccount() }, stop };
  },
};

const at = (endpoint: string): EmulatorUnderTest => ({
  name: endpoint,
  choose: async () => ({ env: { AWS_ENDPOINT_URL: endpoint, ...freshAccount() }, stop: async () => undefined }),
});

/** What `SMTX_TEST_AWS_ENDPOINTS` names besides, with commas in between. */
const named = (process.env["SMTX_TEST_AWS_ENDPOINTS"] ?? "").split(",").flatMap((text) => text.trim() || []);

export const emulatorsUnderTest: readonly EmulatorUnderTest[] = [builtIn, ministack, ...named.map(at)];

/**
 * The services by an emulator, with the built-in ones for those that it does not have: what `local
 * up` would use.
 */
export const startServices = async (emulator: EmulatorUnderTest): Promise<ServicesUnderTest> => {
  const chosen = await emulator.choose();
  const dir = await mkdtemp(join(tmpdir(), "smtx-backup-aws-"));
  const endpoints = await startEndpoints({ dir, env: chosen.env, signal: AbortSignal.timeout(hangMs) });
  return {
    env: endpoints.env,
    async stop() {
      await endpoints.stop();
      await chosen.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
};

/** Our environment with what chooses the emulator, and with nothing else that would choose one. */
export const environmentWith = (chosen: ServicesUnderTest["env"]): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("AWS_"))),
  ...chosen,
});
