import { cachedLocalstack, localstackEnvironment } from "../../infra/localstack/program.ts";
import { type EmulatorProcess, startEmulatorProcess } from "./emulator-process.ts";

/** Starts a LocalStack of a test's own, without a container. */
export const startLocalstack = (): Promise<EmulatorProcess> =>
  startEmulatorProcess({
    name: "localstack",
    command: cachedLocalstack.command,
    parameters: cachedLocalstack.parameters,
    isKilled: true,
    health: "/_localstack/health",
    environment: (dir, port) => ({ PATH: process.env["PATH"], ...localstackEnvironment(dir, port) }),
  });
