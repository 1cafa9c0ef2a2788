import { randomInt } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KnownDifference, ServicesUnderTest } from "../../functions/aws/testing.ts";
import { sharedHostVariable } from "../../infra/local/emulators/namespace.ts";
import { startEndpoints } from "../../infra/local/endpoints.ts";
import { findPython, pythonMissing } from "../../infra/localstack/python.ts";
import { startLocalstack } from "./localstack.ts";
import { startMinistack } from "./ministack.ts";

/**
 * An emulator that the product is to work with, chosen as its users choose it: by
 * the environment alone.
 */
export interface EmulatorUnderTest {
  readonly name: string;
  readonly differences?: readonly KnownDifference[];
  /** It has no DynamoDB of its own here: the built-in one does it, and is tested as that. */
  readonly borrowsDynamodb?: boolean;
  /** Gives the environment that chooses it. */
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

const localstack: EmulatorUnderTest = {
  name: "LocalStack",
  differences: ["answers that it has an error of its own when a schedule's group is not there"],
  borrowsDynamodb: true,
  async choose() {
    const { endpoint, stop } = await startLocalstack();
    const urls = Object.fromEntries(["SQS", "SCHEDULER", "STS"].map((name) => [`AWS_ENDPOINT_URL_${name}`, endpoint]));
    return { env: { ...urls, ...freshAccount() }, stop };
  },
};

const at = (endpoint: string): EmulatorUnderTest => ({
  name: endpoint,
  choose: async () => ({ env: { AWS_ENDPOINT_URL: endpoint, ...freshAccount() }, stop: async () => undefined }),
});

/** What `SMTX_TEST_AWS_ENDPOINTS` names besides, with commas in between. */
const named = (process.env["SMTX_TEST_AWS_ENDPOINTS"] ?? "").split(",").flatMap((text) => text.trim() || []);

const hasPython = findPython() !== undefined;
if (!hasPython) process.stderr.write(`${pythonMissing}\n`);

export const emulatorsUnderTest: readonly EmulatorUnderTest[] = [
  builtIn,
  ministack,
  ...(hasPython ? [localstack] : []),
  ...named.map(at),
];

/**
 * The services by an emulator that was chosen, with the built-in ones for those that it does not
 * have: what `local up` would use.
 */
export const startServices = async ({ env }: Pick<ServicesUnderTest, "env">): Promise<ServicesUnderTest> => {
  const dir = await mkdtemp(join(tmpdir(), "smtx-backup-aws-"));
  const over = new AbortController();
  const sharedHost = process.env[sharedHostVariable] === "1";
  const endpoints = await startEndpoints({ dir, env, sharedHost, signal: over.signal });
  return {
    env: endpoints.env,
    async stop() {
      over.abort();
      await endpoints.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
};

/** Our environment with what chooses the emulator, and with nothing else that would choose one. */
export const environmentWith = (chosen: ServicesUnderTest["env"]): NodeJS.ProcessEnv => ({
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("AWS_"))),
  ...chosen,
});
